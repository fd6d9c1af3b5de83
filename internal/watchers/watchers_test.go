package watchers_test

import (
	"slices"
	"testing"

	"github.com/symphony-messenger/symphony/internal/watchers"
)

func TestList_has_those_who_were_added_and_not_removed(t *testing.T) {
	var list watchers.List[string]
	all := func() (got []string) {
		list.Each(func(w string) { got = append(got, w) })
		slices.Sort(got)
		return got
	}
	if got := all(); got != nil {
		t.Errorf("at first: %v", got)
	}
	removeA, removeB := list.Add("a"), list.Add("b")
	if got := all(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v, want a and b", got)
	}
	removeA()
	removeA()
	if got := all(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got %v, want b", got)
	}
	if removeB(); all() != nil {
		t.Errorf("got %v, want none", all())
	}
}
