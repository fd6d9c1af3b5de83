package config

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/storage"
)

func TestIndexes_of_metadata(t *testing.T) {
	write(t, "types:\n  Report:\n    index: [customer.id, to]\n  'Shop.*': {index: [customer.id]}\n")
	got, want := load(t, Sources{}).Indexes(), []storage.Index{{Type: "Report", Path: "customer.id"},
		{Type: "Report", Path: "to"}, {Type: "Shop.*", Path: "customer.id"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestIndexes_that_are_refused(t *testing.T) {
	write(t, "types:\n  A: {index: [a..b]}\n  B: {index: [a,b,c,d,e,f,g,h,i,j,k]}\n")
	want := []string{
		`symphony.yaml:2:14: types.A.index: must be names with dots between them, like customer.id, is "a..b"`,
		`symphony.yaml:3:3: types.B.index: must have at most 10 paths, has 11`,
	}
	if diff := cmp.Diff(want, mistakes(t, Sources{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
