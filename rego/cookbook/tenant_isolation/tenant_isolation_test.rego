package weir.rules.tenant_isolation_test

import data.weir.rules.tenant_isolation

settings := {"tenant_isolation": {"tenants": {"acme": ["acme-people"], "globex": ["globex-people"]}, "shared": ["embeddings"]}}

asks(target, groups) := {"subject": {"groups": groups}, "target": target}

denied(asked) if count(tenant_isolation.deny) == 1 with input as asked with data.weir.settings as settings

test_their_own if not denied(asks({"name": "papers", "tenant": "acme"}, ["x", "acme-people"]))

test_another_tenants if denied(asks({"name": "papers", "tenant": "acme"}, ["globex-people"]))

test_a_tenant_that_is_not_listed if denied(asks({"name": "papers", "tenant": "initech"}, ["acme-people"]))

test_without_groups if denied({"subject": {}, "target": {"name": "papers", "tenant": "acme"}})

test_shared_by_all if not denied(asks({"name": "embeddings"}, []))

test_nobodys if denied(asks({"name": "attic"}, ["acme-people"]))

test_shared_does_not_open_what_is_owned if denied(asks({"name": "embeddings", "tenant": "acme"}, ["globex-people"]))
