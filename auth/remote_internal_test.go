package auth

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestRemote_remembers_a_bounded_number_of_answers(t *testing.T) {
	c := newRemote(nil, 0, time.Now)
	for i := range uint64(2*maxConfirmations + 5) {
		var hash tokenHash
		binary.BigEndian.PutUint64(hash[:], i)
		c.remember(hash, answer{confirmed: true})
		if _, ok := c.answers[hash]; !ok || len(c.answers) > maxConfirmations {
			t.Fatalf("after %d answers: %d remembered, the last one among them: %t", i+1, len(c.answers), ok)
		}
	}
}
