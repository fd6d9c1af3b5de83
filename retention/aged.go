package retention

import (
	"cmp"
	"slices"
)

// Aged is what one run deleted from the dead letter queue because its period was over. The zero value is nothing.
type Aged struct {
	of map[Place]int64
}

// Place is where dead letters were, and of which type.
type Place struct {
	Transport, Queue, Type string
}

// AgedIn is how many were in a place.
type AgedIn struct {
	Place
	Count int64
}

// Add counts n more.
func (a *Aged) Add(p Place, n int64) {
	if a.of == nil {
		a.of = make(map[Place]int64)
	}
	a.of[p] += n
}

// AddAll counts all of b as well.
func (a *Aged) AddAll(b Aged) {
	for p, n := range b.of {
		a.Add(p, n)
	}
}

// Total is how many they were.
func (a *Aged) Total() (n int64) {
	for _, of := range a.of {
		n += of
	}
	return n
}

// List tells them by place, those with the most first, up to most places; rest is how many were in others.
func (a *Aged) List(most int) (list []AgedIn, rest int64) {
	for p, n := range a.of {
		list = append(list, AgedIn{p, n})
	}
	slices.SortFunc(list, func(x, y AgedIn) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Transport, y.Transport), cmp.Compare(x.Queue,
			y.Queue),
			cmp.Compare(x.Type, y.Type))
	})
	for _, in := range list[min(most, len(list)):] {
		rest += in.Count
	}
	return list[:min(most, len(list))], rest
}
