package symphony

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Defaults of Policy.
const (
	DefaultMaxRetries   = 3
	DefaultInitialDelay = time.Second
	DefaultMultiplier   = 2.0
	DefaultMaxDelay     = 30 * time.Second
	DefaultJitter       = 0.1
)

// Values that switch a part of a Policy off, where zero means the default.
const (
	NoRetries = -1
	NoJitter  = -1.0
)

// Policy says whether and when a failed attempt is tried again. The zero value means the defaults: 3 retries after
// 1 s, 2 s and 4 s, each give or take 10%.
type Policy struct {
	// MaxRetries is how many attempts may follow the first. Default 3; NoRetries for none.
	MaxRetries int
	// InitialDelay is the wait before the first retry, default 1 s.
	InitialDelay time.Duration
	// Multiplier makes each wait longer than the one before, at least 1, default 2.
	Multiplier float64
	// MaxDelay is never exceeded, jitter included. Default 30 s.
	MaxDelay time.Duration
	// Jitter spreads each wait by up to this fraction to both sides, 0 to 1, default 0.1; NoJitter for none.
	Jitter float64
}

// Retries is how many attempts may follow the first.
func (p Policy) Retries() int {
	if p.MaxRetries == 0 {
		return DefaultMaxRetries
	}
	return max(p.MaxRetries, 0)
}

// WithDefaults returns p with every zero value replaced by its default. What is off stays off.
func (p Policy) WithDefaults() Policy {
	if p.MaxRetries == 0 {
		p.MaxRetries = DefaultMaxRetries
	}
	if p.InitialDelay == 0 {
		p.InitialDelay = DefaultInitialDelay
	}
	if p.Multiplier == 0 {
		p.Multiplier = DefaultMultiplier
	}
	if p.MaxDelay == 0 {
		p.MaxDelay = DefaultMaxDelay
	}
	if p.Jitter == 0 {
		p.Jitter = DefaultJitter
	}
	return p
}

// Validate reports every value out of its range.
func (p Policy) Validate() error {
	var errs []error
	if p.MaxRetries < NoRetries {
		errs = append(errs, fmt.Errorf("max retries %d: must be at least 0", p.MaxRetries))
	}
	if p.InitialDelay < 0 || p.MaxDelay < 0 {
		errs = append(errs, errors.New("delays must not be negative"))
	}
	if p.Multiplier != 0 && (p.Multiplier < 1 || math.IsNaN(p.Multiplier) || math.IsInf(p.Multiplier, 0)) {
		errs = append(errs, fmt.Errorf("multiplier %v: must be at least 1", p.Multiplier))
	}
	if p.Jitter > 1 || p.Jitter < 0 && p.Jitter != NoJitter || math.IsNaN(p.Jitter) {
		errs = append(errs, fmt.Errorf("jitter %v: must be 0 to 1", p.Jitter))
	}
	return errors.Join(errs...)
}

// Decision is what becomes of a message after an attempt.
type Decision struct {
	Outcome Outcome       // Ack, Retry or Fail
	Delay   time.Duration // for Retry
}

// Decide is the one decision after an attempt. attempt is the 1-based number of the attempt that ended with err;
// random is in [0, 1) and spreads the delay. A nil err acks. A permanent error, or an attempt beyond the last
// retry, fails. Else the message is retried after the delay that RetryAfter asked for, or the policy's backoff.
func (p Policy) Decide(attempt int, err error, random float64) Decision {
	p = p.WithDefaults()
	switch {
	case err == nil:
		return Decision{Outcome: Ack}
	case IsPermanent(err), attempt > p.Retries():
		return Decision{Outcome: Fail}
	}
	var after *retryAfterError
	if errors.As(err, &after) {
		return Decision{Outcome: Retry, Delay: after.delay}
	}
	return Decision{Outcome: Retry, Delay: p.backoff(attempt, random)}
}

// Settle completes the settlement of an attempt that ended with err, by Decide.
func (p Policy) Settle(st *Settlement, attempt int, err error, random float64) {
	decision := p.Decide(attempt, err, random)
	st.Outcome, st.Delay = decision.Outcome, decision.Delay
	if err != nil {
		st.Error, st.ErrorClass, st.MaxRetries = err.Error(), ErrorClass(err), p.Retries()
	}
}

// Admit decides before an attempt, which would begin now. A delivery beyond the last allowed attempt means that earlier
// workers died with the message in hand, and it must not run again; a first one may come after the message's ExpiresAt.
// The error is nil, or a *LostError or *ExpiredError to fail it with.
func (p Policy) Admit(d *Delivery, now time.Time) error {
	if f := d.Flow; f != nil && !f.ExpiresAt.IsZero() && d.Attempt == 1 && !now.Before(f.ExpiresAt) {
		return &ExpiredError{f.ExpiresAt}
	}
	if d.Attempt > p.Retries()+1 {
		return &LostError{Deliveries: d.Lost}
	}
	return nil
}

// backoff is the wait after the given attempt.
func (p Policy) backoff(attempt int, random float64) time.Duration {
	d := float64(p.InitialDelay) * math.Pow(p.Multiplier, float64(attempt-1))
	d *= 1 + max(p.Jitter, 0)*(2*random-1)
	// The comparison is in floating point: a large power must not overflow into a negative duration.
	if d >= float64(p.MaxDelay) {
		return p.MaxDelay
	}
	return time.Duration(d)
}
