package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// undone is a receipt for which nothing was done.
type undone struct {
	at      int // in the request
	code    string
	message string
}

// byTransport calls do for the receipts of each transport. It returns for which of all receipts nothing was done. An
// error is one that says nothing about a lease.
func (c *call) byTransport(all []receipt, do func(symphony.Transport, []receipt) []error) (list []undone, err error) {
	groups := make(map[string][]int)
	done := false
	for i := range all {
		if all[i].transport == "" {
			list = append(list, undone{i, codeForeignReceipt, errForeignReceipt.Error() + "; nothing was changed"})
			continue
		}
		groups[all[i].transport] = append(groups[all[i].transport], i)
	}
	for name, places := range groups {
		t, terr := c.api.o.Bus.Transport(name)
		if terr != nil {
			return nil, terr
		}
		group := make([]receipt, len(places))
		for i, at := range places {
			group[i] = all[at]
		}
		for i, e := range do(t, group) {
			switch {
			case errors.Is(e, symphony.ErrLeaseLost):
				list = append(list, undone{places[i], codeLeaseLost, "its lease was lost; nothing was changed"})
			case errors.Is(e, symphony.ErrCancelled):
				const stop = "its message was cancelled; stop working on it"
				list = append(list, undone{places[i], codeMessageCancelled, stop})
			case e != nil:
				err = e
			default:
				done = true
			}
		}
	}
	if done {
		err = partly(err)
	}
	return list, err
}

// settled answers for receipts, for some of which nothing may have been done.
func (c *call) settled(texts []string, path func(int) string, list []undone, err error, done string) error {
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return c.answer(http.StatusOK, wire.ReceiptsResponse{Success: true, Count: len(texts)})
	}
	slices.SortFunc(list, func(a, b undone) int { return cmp.Compare(a.at, b.at) })
	e := &receiptsError{list: make([]wire.LostReceipt, len(list)), rest: len(texts) - len(list), done: done}
	for i, u := range list {
		e.list[i] = wire.LostReceipt{Path: path(u.at), Message: u.message, Code: u.code, Receipt: texts[u.at]}
		switch u.code {
		case codeLeaseLost:
			e.lost++
		case codeMessageCancelled:
			e.cancelled++
		case codeOutputTooLarge:
			e.large++
		}
	}
	return e
}

// receiptsPath is where a receipt stands in a list of them.
func receiptsPath(i int) string { return fmt.Sprintf("receipts[%d]", i) }

// receiptsError says for which receipts of a call nothing was done.
type receiptsError struct {
	list []wire.LostReceipt
	lost int // of them are those of lost leases
	// cancelled are those of messages that were cancelled, large those whose outputs are too large; the others are of
	// another installation or version.
	cancelled int
	large     int
	rest      int // receipts of the call that are not in the list
	done      string
}

func (e *receiptsError) Error() string {
	n, all := len(e.list), len(e.list)+e.rest
	switch {
	case e.large == n && e.rest == 0:
		return "the output is too large, and nothing was changed. Ack the message without it"
	case e.large > 0:
		return fmt.Sprintf("for %d of %d receipts nothing was done, as details tell: %d of them have outputs that "+
			"are too large. The other %d were %s", n, all, e.large, e.rest, e.done)
	case e.cancelled > 0:
		return e.aboutCancelled()
	case e.lost == 0 && e.rest == 0:
		return "the receipt is of another installation or version, and nothing was changed. Its message comes again when its lease ends"
	case e.lost == 0:
		return fmt.Sprintf("%d of %d receipts are of another installation or version, and nothing was changed there; the other %d were %s", n, all, e.rest, e.done)
	case e.lost < n:
		return fmt.Sprintf("%d of %d leases were lost, and %d receipts are of another installation or version; nothing was changed there. The other %d were %s",
			e.lost, all, n-e.lost, e.rest, e.done)
	case e.rest > 0:
		return fmt.Sprintf("%d of %d leases were lost, and nothing was changed there; the other %d were %s", e.lost, all, e.rest, e.done)
	}
	return "the lease was lost: it ran out, or the message was settled before. Nothing was changed"
}

// aboutCancelled is Error where messages were cancelled.
func (e *receiptsError) aboutCancelled() string {
	if len(e.list) == 1 && e.rest == 0 {
		return "the message was cancelled: nothing that is done with it counts, and it does not come again"
	}
	text := fmt.Sprintf("%d of %d messages were cancelled", e.cancelled, len(e.list)+e.rest)
	if e.lost > 0 {
		text += fmt.Sprintf(", %d leases were lost", e.lost)
	}
	if foreign := len(e.list) - e.lost - e.cancelled; foreign > 0 {
		text += fmt.Sprintf(", %d receipts are of another installation or version", foreign)
	}
	if e.rest > 0 {
		text += fmt.Sprintf("; the other %d were %s", e.rest, e.done)
	}
	return text
}

func (e *receiptsError) tell(f *failure) { f.message, f.details = sentence(e.Error()), e.list }
