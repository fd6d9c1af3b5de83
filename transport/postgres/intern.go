package postgres

import "sync"

// interner keeps one copy of each of the few texts that come again and again. Safe for concurrent use.
type interner struct {
	mu    sync.Mutex
	texts map[string]string
}

// internMax bounds how many texts are kept.
const internMax = 1000

func (n *interner) text(b []byte) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s, ok := n.texts[string(b)]; ok {
		return s
	}
	if n.texts == nil || len(n.texts) >= internMax {
		n.texts = make(map[string]string)
	}
	s := string(b)
	n.texts[s] = s
	return s
}
