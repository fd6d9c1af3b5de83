package command

import (
	"os"
	"os/exec"
	"sync"

	"github.com/symphony-messenger/symphony"
)

// Programs are the programs that handlers run at the moment; see Options.Programs. They are for a process that must end
// without waiting for its handlers: what they run would live on without it. The zero value is ready to use. Safe for
// concurrent use.
type Programs struct {
	mu      sync.Mutex
	killed  bool
	running map[*os.Process]struct{}
}

// Kill ends all programs at once, each with its whole group, and lets no other one start: attempts then fail with
// symphony.ErrInterrupted.
func (p *Programs) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	for process := range p.running {
		_ = process.Kill() // it may have ended
		killGroup(process)
	}
}

// start starts a program, under the lock so that Kill misses none.
func (p *Programs) start(cmd *exec.Cmd) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return symphony.ErrInterrupted
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if p.running == nil {
		p.running = make(map[*os.Process]struct{})
	}
	p.running[cmd.Process] = struct{}{}
	return nil
}

// wait waits for the end of a program, and ends what it has left of its group.
func (p *Programs) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, cmd.Process)
	killGroup(cmd.Process)
	return err
}
