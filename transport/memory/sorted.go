package memory

// sorted is a heap: the element that comes before all others stands first in the list. It is changed by the functions of
// container/heap.
type sorted[T any] struct {
	list   []T
	before func(a, b T) bool
	// moved, unless nil, is told the place of each element whenever that changes, and -1 when it is taken out.
	moved func(e T, place int)
}

func (s *sorted[T]) Len() int           { return len(s.list) }
func (s *sorted[T]) Less(i, j int) bool { return s.before(s.list[i], s.list[j]) }

func (s *sorted[T]) Swap(i, j int) {
	s.list[i], s.list[j] = s.list[j], s.list[i]
	s.note(s.list[i], i)
	s.note(s.list[j], j)
}

func (s *sorted[T]) Push(x any) {
	s.list = append(s.list, x.(T))
	s.note(x.(T), len(s.list)-1)
}

func (s *sorted[T]) Pop() any {
	last := len(s.list) - 1
	e := s.list[last]
	clear(s.list[last:]) // else the list would keep it alive
	s.list = s.list[:last]
	s.note(e, -1)
	return e
}

func (s *sorted[T]) note(e T, place int) {
	if s.moved != nil {
		s.moved(e, place)
	}
}
