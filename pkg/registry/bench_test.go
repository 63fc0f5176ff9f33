package registry_test

import (
	"fmt"
	"testing"

	"github.com/weirgate/weir/pkg/registry"
	"github.com/weirgate/weir/pkg/registry/registrytest"
)

// BenchmarkStanding is what a look-up costs that finds the document as it was.
func BenchmarkStanding(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("versions=%d", n), func(b *testing.B) {
			r := open(b, registry.Config{})
			for i := range n {
				a := registry.Ask{Model: fmt.Sprintf("m/%d", i), Names: []string{registrytest.Name(i)}}
				if _, err := r.Ask(b.Context(), a, registrytest.Person("ada")); err != nil {
					b.Fatal(err)
				}
			}
			names := [][]string{{"models/store/weights@1", registrytest.Name(n / 2)}}
			b.ReportAllocs()
			for b.Loop() {
				if got, err := r.Standing(b.Context(), names); err != nil || !got.Known {
					b.Fatal(got, err)
				}
			}
		})
	}
}
