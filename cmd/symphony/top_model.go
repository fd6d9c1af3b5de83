package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/viewport"
	tea "charm.land/bubbletea/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/internal/scratch"
)

// pane is a part of the screen with lines to choose from.
type pane int

const (
	queuesPane pane = iota
	workersPane
	failuresPane
	panes
)

// top is the state of the terminal view. It is changed by top.Update only; whatever takes time runs in commands, whose
// results come back as messages.
type top struct {
	ctx      context.Context
	r        *reached
	interval time.Duration
	editor   string

	width, height int
	dark          bool
	now, before   look // the last two looks
	frozen        bool
	focus         pane
	chosen        [panes]int
	note          string         // what came of the last action
	asking        *question      // a yes or no that is waited for
	detail        viewport.Model // all about one failed message
	detailOf      *wire.FailedMessage
	help          help.Model
}

// question is asked before what can't be undone.
type question struct {
	text string
	yes  tea.Cmd
}

// The messages of commands.
type (
	lookMsg   look
	tickMsg   struct{}
	actionMsg struct {
		text string
		err  error
	}
	editedMsg struct {
		of      wire.FailedMessage
		payload []byte
		err     error
	}
)

// topKeys are the keys, as the help shows them.
var topKeys = struct {
	next, up, down, inspect, retry, edit, remove, pause, freeze, refresh, back, help, quit key.Binding
}{
	next:    key.NewBinding(key.WithKeys("tab"), key.WithHelp("tab", "next part")),
	up:      key.NewBinding(key.WithKeys("up", "k"), key.WithHelp("↑/k", "up")),
	down:    key.NewBinding(key.WithKeys("down", "j"), key.WithHelp("↓/j", "down")),
	inspect: key.NewBinding(key.WithKeys("enter"), key.WithHelp("enter", "inspect")),
	retry:   key.NewBinding(key.WithKeys("r"), key.WithHelp("r", "retry")),
	edit:    key.NewBinding(key.WithKeys("e"), key.WithHelp("e", "correct and retry")),
	remove:  key.NewBinding(key.WithKeys("d"), key.WithHelp("d", "delete")),
	pause:   key.NewBinding(key.WithKeys("p"), key.WithHelp("p", "pause/resume queue")),
	freeze:  key.NewBinding(key.WithKeys("space"), key.WithHelp("space", "freeze")),
	refresh: key.NewBinding(key.WithKeys("ctrl+r", "f5"), key.WithHelp("ctrl+r", "look now")),
	back:    key.NewBinding(key.WithKeys("esc", "backspace"), key.WithHelp("esc", "back")),
	help:    key.NewBinding(key.WithKeys("?"), key.WithHelp("?", "all keys")),
	quit:    key.NewBinding(key.WithKeys("q", "ctrl+c"), key.WithHelp("q", "quit")),
}

func newTop(ctx context.Context, r *reached, interval time.Duration, editor string) *top {
	return &top{ctx: ctx, r: r, interval: interval, editor: editor, width: 80, height: 24, dark: true, focus: failuresPane,
		detail: viewport.New(), help: help.New()}
}

// Init begins to look.
func (m *top) Init() tea.Cmd { return tea.Batch(m.look(), tea.RequestBackgroundColor) }

func (m *top) look() tea.Cmd { return func() tea.Msg { return lookMsg(m.r.watch(m.ctx)) } }

func (m *top) tick() tea.Cmd {
	return tea.Tick(m.interval, func(time.Time) tea.Msg { return tickMsg{} })
}

// Update changes the state by what happened.
func (m *top) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.help.SetWidth(msg.Width)
		m.detail.SetWidth(msg.Width)
		m.detail.SetHeight(max(msg.Height-3, 1))
		if m.detailOf != nil {
			m.detail.SetContent(describe(m.detailOf, m.width))
		}
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
		m.help.Styles = help.DefaultStyles(m.dark)
	case lookMsg:
		m.saw(look(msg))
		return m, m.tick()
	case onceMsg:
		m.saw(look(msg))
	case tickMsg:
		if m.frozen {
			return m, m.tick()
		}
		return m, m.look()
	case actionMsg:
		if m.note = msg.text; msg.err != nil {
			m.note = "Error: " + msg.err.Error()
		} else {
			m.detailOf = nil
		}
		return m, m.lookOnce()
	case editedMsg:
		return m, m.correct(msg)
	case tea.KeyPressMsg:
		return m, m.pressed(msg)
	}
	return m, nil
}

// onceMsg is a look beside those that follow each other.
type onceMsg look

func (m *top) lookOnce() tea.Cmd { return func() tea.Msg { return onceMsg(m.r.watch(m.ctx)) } }

// saw takes a look over. One that failed leaves what was seen before.
func (m *top) saw(l look) {
	if l.err != nil && len(l.statuses) == 0 {
		m.now.err = l.err
		return
	}
	var had [panes]string
	for p := range panes {
		had[p] = m.chosenName(p)
	}
	if l.at.After(m.now.at) {
		m.before = m.now
	}
	m.now = l
	for p := range panes {
		m.follow(p, had[p])
	}
}

// follow chooses the line of a name again wherever it is now, so that a key never acts on what has moved into its place.
func (m *top) follow(p pane, name string) {
	names := m.names(p)
	if i := slices.Index(names, name); i >= 0 {
		m.chosen[p] = i
	}
	m.chosen[p] = max(min(m.chosen[p], len(names)-1), 0)
}

// names tell the lines of a pane apart.
func (m *top) names(p pane) []string {
	var names []string
	switch p {
	case queuesPane:
		for _, q := range m.now.queues(m.before) {
			names = append(names, q.transport+"/"+q.queue)
		}
	case workersPane:
		for _, w := range m.now.workers {
			names = append(names, w.node+"/"+w.name)
		}
	case failuresPane:
		for _, f := range m.now.failures {
			names = append(names, f.ID)
		}
	}
	return names
}

func (m *top) chosenName(p pane) string {
	if names := m.names(p); m.chosen[p] < len(names) {
		return names[m.chosen[p]]
	}
	return ""
}

// pressed acts on a key.
func (m *top) pressed(k tea.KeyPressMsg) tea.Cmd {
	if q := m.asking; q != nil {
		m.asking = nil
		if m.note = "Nothing was done."; k.String() == "y" {
			m.note = ""
			return q.yes
		}
		return nil
	}
	keys := &topKeys
	switch {
	case k.String() == "ctrl+c", key.Matches(k, keys.quit) && m.detailOf == nil:
		return tea.Quit
	case key.Matches(k, keys.help):
		m.help.ShowAll = !m.help.ShowAll
		return nil
	case key.Matches(k, keys.refresh):
		return m.lookOnce()
	case key.Matches(k, keys.retry):
		return m.retry()
	case key.Matches(k, keys.edit):
		return m.edit()
	case key.Matches(k, keys.remove):
		m.askToDelete()
		return nil
	}
	if m.detailOf != nil {
		if key.Matches(k, keys.back, keys.inspect, keys.quit) {
			m.detailOf = nil
			return nil
		}
		var cmd tea.Cmd
		m.detail, cmd = m.detail.Update(k)
		return cmd
	}
	switch {
	case key.Matches(k, keys.next):
		m.focus = (m.focus + 1) % panes
	case k.String() == "shift+tab":
		m.focus = (m.focus + panes - 1) % panes
	case key.Matches(k, keys.up):
		m.choose(-1)
	case key.Matches(k, keys.down):
		m.choose(1)
	case k.String() == "pgup":
		m.choose(-10)
	case k.String() == "pgdown":
		m.choose(10)
	case key.Matches(k, keys.inspect):
		m.inspect()
	case key.Matches(k, keys.freeze):
		m.frozen = !m.frozen
	case key.Matches(k, keys.pause):
		return m.pauseOrResume()
	}
	return nil
}

func (m *top) choose(by int) {
	m.chosen[m.focus] = max(min(m.chosen[m.focus]+by, len(m.names(m.focus))-1), 0)
}

// failure is the failed message that is shown or chosen, nil without one.
func (m *top) failure() *wire.FailedMessage {
	if m.detailOf != nil {
		return m.detailOf
	}
	if m.focus != failuresPane || len(m.now.failures) == 0 {
		return nil
	}
	return &m.now.failures[m.chosen[failuresPane]]
}

func (m *top) inspect() {
	if f := m.failure(); f != nil {
		shown, err := m.whole(*f)
		if err != nil {
			m.note = "Error: " + err.Error()
			return
		}
		m.detailOf = &shown
		m.detail.SetContent(describe(&shown, m.width))
		m.detail.GotoTop()
	}
}

// act does something to the chosen failure, in a command.
func (m *top) act(done string, do func(f wire.FailedMessage) error) tea.Cmd {
	f := m.failure()
	if f == nil {
		m.note = "Choose a failed message first: Tab leads to the failures."
		return nil
	}
	of := *f
	return func() tea.Msg { return actionMsg{fmt.Sprintf(done, of.Message.Type, of.ID), do(of)} }
}

func (m *top) retry() tea.Cmd {
	return m.act("%s %s was dispatched again.", func(f wire.FailedMessage) error {
		_, err := m.r.RetryFailed(m.ctx, f.Transport, f.ID, nil)
		return err
	})
}

func (m *top) askToDelete() {
	if f := m.failure(); f != nil {
		text := fmt.Sprintf("Delete %s %s for good? y/N", f.Message.Type, f.ID)
		m.asking = &question{text, m.act("%s %s was deleted.", func(f wire.FailedMessage) error {
			_, err := m.r.DeleteFailed(m.ctx, f.Transport, f.ID)
			return err
		})}
	}
}

// pauseOrResume stops the chosen queue, or lets it go on.
func (m *top) pauseOrResume() tea.Cmd {
	list := m.now.queues(m.before)
	if m.focus != queuesPane || len(list) == 0 {
		m.note = "Choose a queue first: Tab leads to the queues."
		return nil
	}
	q := list[m.chosen[queuesPane]]
	all := wire.HoldTarget{Transport: &q.transport}
	target, name := all, "Transport "+q.transport
	if q.queue != "" {
		target.Queue, name = &q.queue, fmt.Sprintf("Queue %s of %s", q.queue, q.transport)
	}
	return func() tea.Msg {
		if q.hold == "" {
			_, err := m.r.Pause(m.ctx, wire.HoldRequest{HoldTarget: target})
			return actionMsg{name + " is paused.", err}
		}
		_, err := m.r.Resume(m.ctx, target)
		if q.queue != "" && client.IsCode(err, "not_found") { // all of the transport is stopped
			name = "Transport " + q.transport
			_, err = m.r.Resume(m.ctx, all)
		}
		return actionMsg{name + " goes on.", err}
	}
}

// edit has the payload of the chosen failure edited in the person's editor.
func (m *top) edit() tea.Cmd {
	f := m.failure()
	if f == nil {
		m.note = "Choose a failed message first: Tab leads to the failures."
		return nil
	}
	of, err := m.whole(*f)
	if err != nil {
		return func() tea.Msg { return actionMsg{err: err} }
	}
	folder, path, err := payloadFile(of.Message.Payload)
	if err != nil {
		return func() tea.Msg { return actionMsg{err: err} }
	}
	command, arguments, _ := strings.Cut(m.editor, " ")
	cmd := exec.CommandContext(m.ctx, command, append(strings.Fields(arguments), path)...)
	return tea.ExecProcess(cmd, func(err error) tea.Msg {
		defer folder.Close() //nolint:errcheck // what stays is swept by the next process
		if err != nil {
			return editedMsg{of: of, err: fmt.Errorf("editor %s: %w", m.editor, err)}
		}
		payload, err := os.ReadFile(path)
		return editedMsg{of, payload, err}
	})
}

// whole is a failed message with what the list may have left out of it.
func (m *top) whole(f wire.FailedMessage) (wire.FailedMessage, error) {
	if f.Omitted == nil {
		return f, nil
	}
	all, err := m.r.Failed(m.ctx, f.Transport, f.ID)
	return all.FailedMessage, err
}

// payloadFile makes a file that only its owner can read, with a payload in it, indented for a person, and the folder
// that goes with it.
func payloadFile(payload jsontext.Value) (folder *scratch.Folder, path string, err error) {
	scratch.Sweep("")
	if folder, err = scratch.Make(""); err != nil {
		return nil, "", err
	}
	text := payload.Clone()
	if text.Indent() != nil {
		text = payload
	}
	path = filepath.Join(folder.Path(), "payload.json")
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return nil, "", errors.Join(err, folder.Close())
	}
	return folder, path, nil
}

// correct retries a message with the payload that came out of the editor, unless that is the one it has.
func (m *top) correct(e editedMsg) tea.Cmd {
	if e.err != nil {
		m.note = "Error: " + e.err.Error()
		return nil
	}
	payload, had := jsontext.Value(e.payload), e.of.Message.Payload.Clone()
	if err := payload.Compact(); err != nil {
		m.note = "Nothing was done: what the editor left is not JSON: " + err.Error()
		return nil
	}
	if had.Compact() == nil && string(had) == string(payload) {
		m.note = "Nothing was done: the payload is as it was. Press r to retry it."
		return nil
	}
	return func() tea.Msg {
		_, err := m.r.RetryFailed(m.ctx, e.of.Transport, e.of.ID, payload)
		return actionMsg{fmt.Sprintf("%s %s was dispatched again with the corrected payload.", e.of.Message.Type, e.of.ID), err}
	}
}
