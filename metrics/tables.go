package metrics

import "github.com/symphony-messenger/symphony"

// By says what figures are told apart by.
type By string

// What figures are told apart by.
const (
	ByType   By = "type"
	ByQueue  By = "queue"
	ByWorker By = "worker"
	// ByStatus tells apart what became of messages: symphony.Completed, Failed and Cancelled, and symphony.Pending for
	// what was dispatched and for attempts behind which another one follows.
	ByStatus By = "status"
)

// Groupings are all there are.
func Groupings() []By { return []By{ByType, ByQueue, ByWorker, ByStatus} }

// key names a series: a type, queue, worker or status of a transport.
type key struct{ transport, name string }

// series are the figures of one name.
type series struct {
	Counts
	run, wait durations
	errors    map[string]int64 // by class
}

// table has the figures of all names of one kind, at most MaxSeries and for each transport one named Other.
type table map[key]*series

// tables are the same figures in several tables, by what they tell apart.
type tables map[By]table

func newTables() tables {
	t := make(tables, len(Groupings()))
	for _, by := range Groupings() {
		t[by] = make(table)
	}
	return t
}

// at returns the series of a name, that of Other where there are too many.
func (t table) at(k key) *series {
	s := t[k]
	if s == nil && len(t) >= MaxSeries {
		k.name = Other
		s = t[k]
	}
	if s == nil {
		s = &series{}
		t[k] = s
	}
	return s
}

func (t table) merge(o table) {
	for k, s := range o {
		t.at(k).merge(s)
	}
}

// byTransport adds up all names of each transport.
func (t table) byTransport() map[string]*series {
	all := make(map[string]*series)
	for k, s := range t {
		if all[k.transport] == nil {
			all[k.transport] = &series{}
		}
		all[k.transport].merge(s)
	}
	return all
}

func (s *series) merge(o *series) {
	s.add(o.Counts)
	s.run.merge(&o.run)
	s.wait.merge(&o.wait)
	s.addErrors(o.errors)
}

func (s *series) addErrors(errors map[string]int64) {
	for class, n := range errors {
		if s.errors == nil {
			s.errors = make(map[string]int64)
		}
		countError(s.errors, class, n)
	}
}

// figures are those of a bucket, which belong to it.
func (b *bucket) figures() tables {
	if b.cells == nil {
		return b.tables
	}
	t := newTables()
	for k, c := range b.cells {
		whole := series{Counts: c.Counts}
		for i := range c.ends {
			whole.run.merge(&c.ends[i].run)
			whole.wait.merge(&c.ends[i].wait)
			whole.addErrors(c.ends[i].errors)
		}
		t[ByType].at(key{k.transport, k.typ}).merge(&whole)
		t[ByQueue].at(key{k.transport, k.queue}).merge(&whole)
		if k.worker != "" {
			t[ByWorker].at(key{k.transport, k.worker}).merge(&whole)
		}
		t.byStatus(k.transport, c.Counts, &c.ends)
	}
	return t
}

// types are those that were counted in a minute of this process, with their queues.
func (b *bucket) types() map[key]*typeQueues {
	list := make(map[key]*typeQueues)
	for k := range b.cells {
		of := key{k.transport, k.typ}
		if list[of] == nil {
			list[of] = &typeQueues{}
		}
		list[of].add(k.queue)
	}
	return list
}

// byStatus adds figures to those by status.
func (t tables) byStatus(transport string, c Counts, by *[ends]end) {
	for status, counts := range map[symphony.Status]Counts{
		symphony.Completed: {Succeeded: c.Succeeded},
		symphony.Pending:   {Dispatched: c.Dispatched, Retried: c.Retried, Released: c.Released},
		symphony.Failed:    {Dead: c.Dead},
		symphony.Cancelled: {Cancelled: c.Cancelled},
	} {
		if counts == (Counts{}) {
			continue
		}
		s := t[ByStatus].at(key{transport, string(status)})
		s.add(counts)
		if i, timed := endOf[status]; timed {
			s.run.merge(&by[i].run)
			s.wait.merge(&by[i].wait)
			s.addErrors(by[i].errors)
		}
	}
}

var endOf = map[symphony.Status]int{symphony.Completed: completed, symphony.Pending: pending, symphony.Failed: failed}
