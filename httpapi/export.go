package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/httpapi/archive"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// An export reads a page, writes it and reads the next one, each of about so many bytes, however many messages there
// are: a caller who reads slowly holds up nothing but the export. It ends when the caller is gone, takes nothing for
// stallTime, or the server shuts down. An export that cannot be completed breaks the connection off, so that nobody
// takes half of it for all.
const exportBytes = 2 << 20

// export is one export on its way.
type export struct {
	*call
	*archive.Writer
	control *http.ResponseController
	out     *bufio.Writer
	begun   bool
	limit   int   // messages of the next page
	written int64 // bytes since the last page
}

// stalling sets the deadline of each write: the server's own is for answers that are made at once.
type stalling struct{ *export }

func (s stalling) Write(b []byte) (int, error) {
	if err := s.control.SetWriteDeadline(s.api.o.Clock.Now().Add(stallTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	s.begun = true
	return s.w.Write(b)
}

// formatOf reads the parameter format.
func (c *call) formatOf(list *[]symphony.Problem) archive.Format {
	switch f := archive.Format(c.query["format"]); f {
	case "":
		return archive.JSONL
	case archive.JSONL, archive.CSV:
		return f
	}
	*list = append(*list, symphony.Problem{Path: "format", Message: "must be jsonl or csv"})
	return ""
}

// export streams what pages writes. more is false behind the last page.
func (c *call) export(format archive.Format, name string, failed bool, page func(e *export) (messages int, more bool, err error)) error {
	e := &export{call: c, control: http.NewResponseController(c.w), limit: symphony.DefaultMessagePage}
	e.out = bufio.NewWriterSize(stalling{e}, 64<<10)
	e.Writer = archive.NewWriter(counting{e}, format, failed)
	h := c.w.Header()
	h.Set("Content-Type", format.MediaType())
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.%s"`, name, format))
	if c.Method == http.MethodHead {
		return nil
	}
	err := e.Begin()
	for more := true; err == nil && more; {
		var n int
		e.written = 0
		if n, more, err = page(e); err == nil && n > 0 {
			e.limit = min(max(int(exportBytes/(e.written/int64(n)+1)), 1), symphony.MaxMessagePage)
			err = e.flush()
		}
		if err == nil {
			err = c.Context().Err()
		}
	}
	if err == nil {
		err = e.flush()
	}
	if err == nil {
		return nil
	}
	if !e.begun {
		h.Del("Content-Disposition")
		return err
	}
	// Half an answer is out. Whoever is there still must see that it is no more than that.
	level := slog.LevelError
	if c.Context().Err() != nil {
		level = slog.LevelInfo // the caller is gone, or the server shuts down
	}
	c.api.o.Logger.Log(c.Context(), level, "an export broke off", "request_id", c.w.id, "route", c.w.route, "error", err)
	panic(http.ErrAbortHandler)
}

// flush sends what is written.
func (e *export) flush() error {
	if err := e.out.Flush(); err != nil {
		return err
	}
	if err := e.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// counting counts the bytes of a page.
type counting struct{ *export }

func (c counting) Write(b []byte) (int, error) {
	c.written += int64(len(b))
	return c.out.Write(b)
}

var _ io.Writer = counting{}

func messagesExport(c *call) error {
	var list []symphony.Problem
	format := c.formatOf(&list)
	q := c.messageQuery(true, &list)
	if len(list) > 0 {
		return invalid(list...)
	}
	messages, err := c.messages(c.query["transport"])
	if err != nil {
		return err
	}
	// What comes while the export runs is left to the next one: else it would never end on a busy server. Its end is a
	// place in the order of ids, and no time: clocks that were set leave messages of times to come, which are exported,
	// too.
	newest, err := messages.List(c.Context(), symphony.MessageQuery{Limit: 1})
	if err != nil {
		return err
	}
	last := ""
	if q.Oldest {
		if last = "0"; len(newest.Messages) > 0 { // 0 is before all ids
			last = newest.Messages[0].ID
		}
	}
	return c.export(format, "messages", false, func(e *export) (int, bool, error) {
		q.Limit = e.limit
		page, err := messages.List(c.Context(), q)
		if err != nil {
			return 0, false, err
		}
		page.Whole(&q)
		if last != "" && page.Next > last {
			page.Next = ""
		}
		for i := range page.Messages {
			if last != "" && page.Messages[i].ID > last {
				page.Messages, page.Next = page.Messages[:i], ""
				break
			}
			m := c.masked(storedMessage(&page.Messages[i])).(wire.StoredMessage)
			if err := e.Stored(&m); err != nil {
				return 0, false, err
			}
		}
		q.After = page.Next
		return len(page.Messages), page.Next != "", nil
	})
}

func failedExport(c *call) error {
	var list []symphony.Problem
	format := c.formatOf(&list)
	q := c.failedQuery(&list)
	if len(list) > 0 {
		return invalid(list...)
	}
	dead, err := c.deadLetters(c.query["transport"])
	if err != nil {
		return err
	}
	return c.export(format, "failed", true, func(e *export) (int, bool, error) {
		q.Limit = e.limit
		page, err := dead.List(c.Context(), q)
		if err != nil {
			return 0, false, err
		}
		page.Whole(&q)
		for i := range page.Messages {
			m := c.masked(failedMessage(&page.Messages[i])).(wire.FailedMessage)
			if err := e.Failed(&m); err != nil {
				return 0, false, err
			}
		}
		q.After = page.Next
		return len(page.Messages), page.Next != "", nil
	})
}
