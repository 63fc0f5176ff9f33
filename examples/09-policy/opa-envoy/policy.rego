package envoy.authz

import input.attributes.request.http

default allow := {"allowed": false, "http_status": 401, "body": "who are you?"}

allow := {"allowed": true, "headers": {"x-user": user}, "response_headers_to_add": {"x-checked": "yes"}} if {
	http.method == "GET"
	data.staff[user]
}

user := name if {
	[_, pair] := split(http.headers.authorization, " ")
	[name, _] := split(base64.decode(pair), ":")
}
