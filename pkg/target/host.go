package target

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// maxHost is the longest host name in bytes, without port and trailing dot (RFC 1035 §2.3.4).
const maxHost = 253

// CanonicalHost returns the host of an :authority or Host header value in the form that rules are compared in: lower case, without
// port (RFC 3986 §3.2.3) and trailing dot, an IPv6 address in brackets in its shortest form (RFC 5952). It refuses user information,
// percent-encoding, zones, bytes that no host name has, and empty labels. The result is its own canonical form.
func CanonicalHost(authority string) (string, error) {
	if strings.HasPrefix(authority, "[") {
		return canonicalIPv6(authority)
	}
	host, port, hasPort := strings.Cut(authority, ":")
	if hasPort && !validPort(port) {
		return "", errors.New("its port is not a number from 1 to 65535")
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > maxHost {
		return "", fmt.Errorf("a host has 1 to %d bytes", maxHost)
	}
	lower, label := true, 0
	for i := range len(host) {
		switch c := host[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
			label++
		case c >= 'A' && c <= 'Z':
			lower = false
			label++
		case c == '.' && label > 0:
			label = 0
		case c == '.':
			return "", errors.New("it has an empty label")
		default:
			return "", errors.New("it has a byte that no host name has")
		}
	}
	if label == 0 {
		return "", errors.New("it has an empty label")
	}
	if !lower {
		host = strings.ToLower(host)
	}
	return host, nil
}

func canonicalIPv6(authority string) (string, error) {
	inside, rest, ok := strings.Cut(authority[1:], "]")
	if !ok || rest != "" && (rest[0] != ':' || !validPort(rest[1:])) {
		return "", errors.New("it is not [address] or [address]:port")
	}
	a, err := netip.ParseAddr(inside)
	if err != nil || !a.Is6() || a.Zone() != "" {
		return "", errors.New("it is not an IPv6 address without zone")
	}
	return "[" + a.String() + "]", nil
}

// validPort reports whether s is empty (RFC 3986 permits "host:") or a port number.
func validPort(s string) bool {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || n > 65535 {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return s == "" || n > 0 && n <= 65535
}

// CheckHost tells what is wrong with a rule's host: a canonical host name; or "*." and one, which stands for every name below it and
// not for the name itself; or "*" for any host. Ports are not compared, so a rule names none.
func CheckHost(pattern string) error {
	if pattern == "*" {
		return nil
	}
	name := strings.TrimPrefix(pattern, "*.")
	canonical, err := CanonicalHost(name)
	if err != nil {
		return fmt.Errorf("host %q: %w", pattern, err)
	}
	if canonical != name {
		return fmt.Errorf("host %q: write %q (lower case, no port, no trailing dot)", pattern, pattern[:len(pattern)-len(name)]+canonical)
	}
	return nil
}
