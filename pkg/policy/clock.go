package policy

import (
	"encoding/base64"
	"fmt"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// The built-ins that verify certificates, and the one that only reads them.
const (
	verifyCertificates     = "crypto.x509.parse_and_verify_certificates"
	verifyCertificatesWith = "crypto.x509.parse_and_verify_certificates_with_options"
	readCertificates       = "crypto.x509.parse_certificates"
)

// optionTime is the option of verifyCertificatesWith that says when certificates are to be good.
const optionTime = "CurrentTime"

// ownClock makes the built-ins that verify certificates ask whether they are good at the time of the evaluation, as time.now_ns does. OPA has
// them read the clock of the machine, and offers nothing to change that for one evaluation: a recorded input would decide another way once a
// certificate has ended. OPA keeps built-ins for the process as a whole, so they are put in place once, before anything is compiled; what
// else asks OPA in this process and states no time gets the machine's, as before.
var ownClock = sync.OnceFunc(func() {
	ast.CryptoX509ParseAndVerifyCertificates.CanSkipBctx = false // the context says the time
	ast.CryptoX509ParseAndVerifyCertificatesWithOptions.CanSkipBctx = false
	verify, read := topdown.GetBuiltin(verifyCertificatesWith), topdown.GetBuiltin(readCertificates)
	topdown.RegisterBuiltinFunc(verifyCertificatesWith, func(b topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		return verify(b, []*ast.Term{args[0], atTime(args[1], b.Time)}, iter)
	})
	topdown.RegisterBuiltinFunc(verifyCertificates, func(b topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		return verify(b, []*ast.Term{args[0], atTime(ast.ObjectTerm(), b.Time)}, func(result *ast.Term) error {
			chain, err := chainOf(result)
			if err != nil {
				return err
			}
			if chain == "" {
				return iter(result)
			}
			// Without options, certificates come as they do from the built-in that only reads them: with names that the other leaves out.
			return read(b, []*ast.Term{ast.StringTerm(chain)}, func(certs *ast.Term) error {
				return iter(ast.ArrayTerm(ast.BooleanTerm(true), certs))
			})
		})
	})
})

// atTime adds a time to the options of verification, unless they say one.
func atTime(options, now *ast.Term) *ast.Term {
	said, ok := options.Value.(ast.Object)
	if !ok || said.Get(ast.StringTerm(optionTime)) != nil {
		return options
	}
	out := ast.NewObject([2]*ast.Term{ast.StringTerm(optionTime), now})
	said.Foreach(func(k, v *ast.Term) { out.Insert(k, v) })
	return ast.NewTerm(out)
}

// chainOf is the chain that verification found, certificate after certificate, in base64; "" where it found none.
func chainOf(result *ast.Term) (string, error) {
	pair, ok := result.Value.(*ast.Array)
	if !ok || pair.Len() != 2 {
		return "", fmt.Errorf("verification says %s", ast.TypeName(result.Value))
	}
	if !pair.Elem(0).Equal(ast.BooleanTerm(true)) {
		return "", nil
	}
	var der []byte
	certs, _ := pair.Elem(1).Value.(*ast.Array)
	for i := range certs.Len() {
		raw, err := certs.Elem(i).Value.Find(ast.Ref{ast.StringTerm("Raw")})
		if err != nil {
			return "", fmt.Errorf("a verified certificate: %w", err)
		}
		text, _ := raw.(ast.String)
		one, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			return "", fmt.Errorf("a verified certificate: %w", err)
		}
		der = append(der, one...)
	}
	return base64.StdEncoding.EncodeToString(der), nil
}
