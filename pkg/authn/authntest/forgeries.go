package authntest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Forgery is a token that must be refused.
type Forgery struct {
	Name   string
	Label  string   // why: the label of the refusal, which is the metric's cause too
	Tokens []string // as sent, each in an Authorization header of its own
}

// forger makes forgeries, and keeps the first thing that went wrong with that.
type forger struct {
	issuer, other *Issuer
	now           int64
	err           error
	out           []Forgery
}

type claims = map[string]any

// Forgeries returns tokens that are forged, malformed, or good for somebody else, each for one reason; other is an issuer that nobody has
// configured. All that the tokens say is as a good one says it, but for that reason. tooLong is a length that is refused.
func Forgeries(i, other *Issuer, tooLong int) ([]Forgery, error) {
	f := &forger{issuer: i, other: other, now: time.Now().Unix()}
	f.shapes(tooLong)
	f.headers()
	f.signatures()
	f.standing()
	f.times()
	f.duplicates()
	f.subjects()
	return f.out, f.err
}

func (f *forger) add(name, label string, tokens ...string) {
	f.out = append(f.out, Forgery{Name: name, Label: label, Tokens: tokens})
}

// mint signs alice's token by an issuer, changed as header and c say.
func (f *forger) mint(by *Issuer, alg string, header, c claims) string {
	all := claims{"sub": "alice"}
	for k, v := range c {
		all[k] = v
	}
	token, err := by.MintWith(alg, header, all)
	if err != nil && f.err == nil {
		f.err = err
	}
	return token
}

// with signs a token whose header is changed, body one whose claims are.
func (f *forger) with(alg string, header claims) string { return f.mint(f.issuer, alg, header, nil) }
func (f *forger) body(c claims) string                  { return f.mint(f.issuer, "ES256", nil, c) }

// sign signs a header and a payload as they are.
func (f *forger) sign(header, payload string) string {
	token, err := f.issuer.Sign("ES256", []byte(header), []byte(payload))
	if err != nil && f.err == nil {
		f.err = err
	}
	return token
}

// head is a good header, payload good claims with some text behind them.
func (f *forger) head() string {
	return fmt.Sprintf(`{"alg":"ES256","kid":%q}`, f.issuer.KeyID("ES256"))
}

func (f *forger) payload(rest string) string {
	return fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"alice","iat":%d,"exp":%d%s}`, f.issuer.URL, Audience, f.now, f.now+60, rest)
}

// shapes are tokens that are none.
func (f *forger) shapes(tooLong int) {
	good := f.body(nil)
	parts := strings.Split(good, ".")
	standard := base64.StdEncoding.EncodeToString
	f.add("garbage", "token_malformed", "garbage")
	f.add("dots", "token_malformed", "..")
	f.add("two parts", "token_malformed", parts[0]+"."+parts[1])
	f.add("four parts", "token_malformed", good+"."+parts[2])
	f.add("six parts", "token_malformed", good+"."+good)
	f.add("encrypted", "token_encrypted", good+".a.b")
	f.add("enc header", "token_encrypted", f.with("ES256", claims{"enc": "A128GCM"}))
	f.add("no signature", "token_malformed", parts[0]+"."+parts[1]+".")
	f.add("no claims", "token_malformed", parts[0]+".."+parts[2])
	f.add("padding", "token_malformed", good+"=")
	f.add("the other base64", "token_malformed", standard([]byte(f.head()))+"."+parts[1]+"."+parts[2])
	f.add("blank inside", "token_malformed", parts[0]+". "+parts[1]+"."+parts[2])
	f.add("not canonical base64", "token_malformed", good[:len(good)-1]+nextBits(good[len(good)-1]))
	f.add("too large", "token_too_large", f.body(claims{"x": strings.Repeat("x", tooLong)}))
	f.add("header is no JSON", "token_malformed", b64([]byte("{"))+"."+parts[1]+"."+parts[2])
	f.add("header is a list", "token_malformed", f.sign(`[]`, f.payload("")))
	f.add("claims are a string", "token_malformed", f.sign(f.head(), `"x"`))
	f.add("claims are a token", "token_malformed", f.sign(f.head(), good))
	f.add("claims followed by more", "token_malformed", f.sign(f.head(), f.payload("")+"{}"))
	f.add("claims behind a byte order mark", "token_malformed", f.sign(f.head(), "\ufeff"+f.payload("")))
	f.add("claims with a trailing comma", "token_malformed", f.sign(f.head(), f.payload(",")))
	f.add("claims with a comment", "token_malformed", f.sign(f.head(), f.payload("/**/")))
	f.add("claims not UTF-8", "token_malformed", f.sign(f.head(), f.payload(",\"x\":\"\xff\"")))
	f.add("nested deep", "token_malformed", f.sign(f.head(), f.payload(`,"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40))))
	f.add("two headers", "token_duplicate", good, good)
	f.add("two in one header", "token_duplicate", good+", Bearer "+good)
}

// headers are tokens whose header says what it must not.
func (f *forger) headers() {
	f.add("alg none", "token_malformed", f.with("none", nil)) // its third part is empty
	f.add("alg none, signed", "token_alg_refused", f.with("ES256", claims{"alg": "none"}))
	f.add("alg nOnE", "token_alg_refused", f.with("ES256", claims{"alg": "nOnE"}))
	f.add("alg es256", "token_alg_refused", f.with("ES256", claims{"alg": "es256"}))
	f.add("no alg", "token_alg_refused", f.with("ES256", claims{"alg": nil}))
	f.add("alg is a number", "token_malformed", f.with("ES256", claims{"alg": 1}))
	f.add("HS256 with the public key", "token_alg_refused", f.with("HS256", nil))
	f.add("RS512", "token_alg_refused", f.with("RS256", claims{"alg": "RS512"}))
	f.add("RS256 with an EC key id", "token_alg_refused", f.with("RS256", claims{"kid": f.issuer.KeyID("ES256")}))
	f.add("ES256 with an RSA key id", "token_alg_refused", f.with("ES256", claims{"kid": f.issuer.KeyID("RS256")}))
	f.add("crit", "token_crit", f.with("ES256", claims{"crit": []string{"b64"}, "b64": false}))
	f.add("crit empty", "token_crit", f.with("ES256", claims{"crit": []string{}}))
	f.add("crit of what is not there", "token_crit", f.with("ES256", claims{"crit": []string{"exp"}}))
	f.add("kid unknown", "token_unknown_key", f.with("ES256", claims{"kid": "../../etc/passwd"}))
	f.add("kid with SQL", "token_unknown_key", f.with("ES256", claims{"kid": "' UNION SELECT 'x"}))
	f.add("kid is a number", "token_malformed", f.with("ES256", claims{"kid": 7}))
	f.add("kid empty", "token_malformed", f.with("ES256", claims{"kid": ""}))
	f.add("kid of a post-quantum key", "token_unknown_key", f.with("ES256", claims{"kid": "pq-" + f.issuer.KeyID("ES256")[3:]}))
	f.add("typ logout+jwt", "token_typ", f.with("ES256", claims{"typ": "logout+jwt"}))
	f.add("typ dpop+jwt", "token_typ", f.with("ES256", claims{"typ": "dpop+jwt"}))
	f.add("typ is a list", "token_malformed", f.with("ES256", claims{"typ": []string{"JWT"}}))
}

// signatures are by somebody else, or of something else.
func (f *forger) signatures() {
	good := f.body(nil)
	parts := strings.Split(good, ".")
	named := claims{"kid": f.issuer.KeyID("ES256")}
	as := claims{"iss": f.issuer.URL}
	f.add("signed by another", "token_bad_signature", f.mint(f.other, "ES256", named, as))
	f.add("own key in the header", "token_bad_signature", f.mint(f.other, "ES256", claims{
		"kid": f.issuer.KeyID("ES256"), "jwk": ownKey(f.other), "jku": f.other.URL + "/jwks", "x5u": f.other.URL + "/x", "x5c": []string{"AA=="},
	}, as))
	f.add("own key in the header, own key id", "token_unknown_key", f.mint(f.other, "ES256", claims{"jwk": ownKey(f.other)}, as))
	f.add("claims changed", "token_bad_signature", parts[0]+"."+b64([]byte(f.payload(`,"groups":["admin"]`)))+"."+parts[2])
	f.add("header changed", "token_bad_signature", b64([]byte(f.head()))+"."+parts[1]+"."+parts[2])
	f.add("signature cut", "token_bad_signature", parts[0]+"."+parts[1]+"."+parts[2][:84])
	f.add("signature zero", "token_bad_signature", parts[0]+"."+parts[1]+"."+b64(make([]byte, 64)))
	f.add("signature of the order", "token_bad_signature", parts[0]+"."+parts[1]+"."+b64(append(order(), order()...)))
	f.add("signature of another token", "token_bad_signature", parts[0]+"."+parts[1]+"."+strings.Split(f.body(nil), ".")[2])
	f.add("signature as DER", "token_bad_signature", parts[0]+"."+parts[1]+"."+b64(append([]byte{0x30, 0x44, 2, 0x20}, make([]byte, 66)...)))
}

// order is the order of P-256: 0 to whoever forgets to look.
func order() []byte {
	n, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	return n.FillBytes(make([]byte, 32))
}

// ownKey is an issuer's ES256 key as a JWK.
func ownKey(i *Issuer) any {
	var set struct {
		Keys []claims `json:"keys"`
	}
	if err := json.Unmarshal(i.JWKS(), &set); err != nil {
		return nil
	}
	for _, k := range set.Keys {
		if k["kty"] == "EC" {
			return k
		}
	}
	return nil
}

// standing are tokens of somebody else, or for somebody else.
func (f *forger) standing() {
	f.add("issuer not configured", "token_wrong_issuer", f.mint(f.other, "ES256", nil, nil))
	f.add("issuer with a slash", "token_wrong_issuer", f.body(claims{"iss": f.issuer.URL + "/"}))
	f.add("issuer in capitals", "token_wrong_issuer", f.body(claims{"iss": strings.ToUpper(f.issuer.URL)}))
	f.add("no issuer", "token_wrong_issuer", f.body(claims{"iss": nil}))
	f.add("issuer is a list", "token_wrong_issuer", f.body(claims{"iss": []string{f.issuer.URL}}))
	f.add("another audience", "token_wrong_audience", f.body(claims{"aud": "bank"}))
	f.add("other audiences", "token_wrong_audience", f.body(claims{"aud": []string{"bank", Audience + " "}}))
	f.add("no audience", "token_wrong_audience", f.body(claims{"aud": nil}))
	f.add("audience is empty", "token_wrong_audience", f.body(claims{"aud": []string{}}))
	f.add("audience is an object", "token_claim", f.body(claims{"aud": claims{Audience: true}}))
	f.add("audience with a number", "token_claim", f.body(claims{"aud": []any{Audience, 1}}))
}

// times are tokens of another time, or of none.
func (f *forger) times() {
	now := f.now
	f.add("expired", "token_expired", f.body(claims{"iat": now - 600, "exp": now - 60}))
	f.add("no exp", "token_lifetime", f.body(claims{"exp": nil}))
	f.add("no iat", "token_lifetime", f.body(claims{"iat": nil}))
	f.add("lives a year", "token_lifetime", f.body(claims{"exp": now + 365*86400}))
	f.add("an agent for an hour", "token_lifetime", f.body(claims{"act": claims{"sub": "bot"}}))
	f.add("ends before it begins", "token_lifetime", f.body(claims{"iat": now, "exp": now - 1}))
	f.add("exp is a string", "token_claim", f.body(claims{"exp": "2099"}))
	f.add("exp is null", "token_claim", f.sign(f.head(), strings.Replace(f.payload(""), `"exp":`, `"exp":null,"e":`, 1)))
	f.add("exp beyond time", "token_claim", f.sign(f.head(), strings.Replace(f.payload(""), `"exp":`, `"exp":1e300,"e":`, 1)))
	f.add("exp below zero", "token_claim", f.sign(f.head(), strings.Replace(f.payload(""), `"exp":`, `"exp":-1,"e":`, 1)))
	f.add("not yet valid", "token_not_yet_valid", f.body(claims{"nbf": now + 600}))
	f.add("issued in the future", "token_not_yet_valid", f.body(claims{"iat": now + 600, "exp": now + 900}))
}

// duplicates say one thing twice: readers differ in which one they take.
func (f *forger) duplicates() {
	f.add("claim twice", "token_duplicate", f.sign(f.head(), f.payload(`,"sub":"root"`)))
	f.add("claim twice, escaped", "token_duplicate", f.sign(f.head(), f.payload(`,"\u0073ub":"root"`)))
	f.add("exp twice", "token_duplicate", f.sign(f.head(), f.payload(`,"exp":9999999999`)))
	f.add("inner name twice", "token_duplicate", f.sign(f.head(), f.payload(`,"act":{"sub":"a","sub":"b"}`)))
	f.add("header name twice", "token_duplicate", f.sign(`{"alg":"none",`+f.head()[1:], f.payload("")))
}

// subjects are nobody.
func (f *forger) subjects() {
	soon := f.now + 60
	f.add("no sub", "token_claim", f.body(claims{"sub": nil}))
	f.add("empty sub", "token_claim", f.body(claims{"sub": ""}))
	f.add("sub is a number", "token_claim", f.body(claims{"sub": 1}))
	f.add("long sub", "token_claim", f.body(claims{"sub": strings.Repeat("s", 256)}))
	f.add("sub with a line end", "token_claim", f.body(claims{"sub": "a\nb"}))
	f.add("sub with a bidi override", "token_claim", f.body(claims{"sub": "a\u202eb"}))
	f.add("groups with a number", "token_claim", f.body(claims{"groups": []any{"a", 1}}))
	f.add("groups with a line end", "token_claim", f.body(claims{"groups": []any{"a\nadmin"}}))
	f.add("groups elsewhere", "token_groups_elsewhere", f.body(claims{"_claim_names": claims{"groups": "src1"}}))
	f.add("unknown kind", "token_claim", f.body(claims{"weir_kind": "god"}))
	f.add("act without sub", "token_claim", f.body(claims{"exp": soon, "act": claims{"iss": "x"}}))
	f.add("act is a string", "token_claim", f.body(claims{"exp": soon, "act": "bob"}))
	f.add("jti is a number", "token_claim", f.body(claims{"jti": 1}))
}

// nextBits returns the character after c: in the last place of a 64-byte signature it differs in bits that do not count.
func nextBits(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)|1])
}
