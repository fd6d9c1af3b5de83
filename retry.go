package symphony

import (
	"cmp"
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

// Backoff is how the waits between attempts grow.
type Backoff string

// The ways to grow. The zero value is Exponential.
const (
	Exponential Backoff = "exponential" // InitialDelay, then each Multiplier times the one before
	Linear      Backoff = "linear"      // InitialDelay, twice, three times InitialDelay
	Fixed       Backoff = "fixed"       // always InitialDelay
)

// Policy says whether and when a failed attempt is tried again. The zero value means the defaults: 3 retries after
// 1 s, 2 s and 4 s, each give or take 10%.
type Policy struct {
	// MaxRetries is how many attempts may follow the first. Default 3, or as many as there are Delays; NoRetries for none.
	MaxRetries int
	// Backoff is how the waits grow. Default Exponential.
	Backoff Backoff
	// Delays are the waits before each retry, in place of what Backoff makes of InitialDelay; the last one repeats. Each
	// is 0 to MaxRetryDelay. Only Jitter and that bound apply to them.
	Delays []time.Duration
	// InitialDelay is the wait before the first retry, default 1 s.
	InitialDelay time.Duration
	// Multiplier makes each wait of Exponential longer than the one before, at least 1, default 2.
	Multiplier float64
	// MaxDelay is never exceeded, jitter included. Default 30 s.
	MaxDelay time.Duration
	// Jitter spreads each wait by up to this fraction to both sides, 0 to 1, default 0.1; NoJitter for none.
	Jitter float64
}

// Retries is how many attempts may follow the first.
func (p Policy) Retries() int {
	return max(p.WithDefaults().MaxRetries, 0)
}

// WithDefaults returns p with every zero value replaced by its default. What is off stays off.
func (p Policy) WithDefaults() Policy {
	if p.MaxRetries == 0 {
		p.MaxRetries = cmp.Or(len(p.Delays), DefaultMaxRetries)
	}
	if p.Backoff == "" {
		p.Backoff = Exponential
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
	switch p.Backoff {
	case "", Exponential, Linear, Fixed:
	default:
		errs = append(errs, fmt.Errorf("backoff %q: must be %s, %s or %s", p.Backoff, Exponential, Linear, Fixed))
	}
	for _, d := range p.Delays {
		if d < 0 || d > MaxRetryDelay {
			errs = append(errs, fmt.Errorf("delay %s: must be 0 to %s", d, MaxRetryDelay))
		}
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
	Outcome Outcome       // Ack, Retry, Fail, or Release of what was deferred
	Delay   time.Duration // for Retry and Release
}

// Decide is the one decision after an attempt. attempt is the 1-based number of the attempt that ended with err;
// random is in [0, 1) and spreads the delay. A nil err acks, a deferred one releases. A permanent error, or an attempt beyond the last
// retry, fails. Else the message is retried after the delay that RetryAfter asked for, or the policy's backoff.
func (p Policy) Decide(attempt int, err error, random float64) Decision {
	p = p.WithDefaults()
	delay, deferred := DeferDelay(err)
	switch {
	case err == nil:
		return Decision{Outcome: Ack}
	case deferred:
		return Decision{Outcome: Release, Delay: delay}
	case IsPermanent(err), attempt > p.Retries():
		return Decision{Outcome: Fail}
	}
	if d, ok := RetryDelay(err); ok {
		return Decision{Outcome: Retry, Delay: d}
	}
	return Decision{Outcome: Retry, Delay: p.backoff(attempt, random)}
}

// Settle completes the settlement of an attempt that ended with err, by Decide.
func (p Policy) Settle(st *Settlement, attempt int, err error, random float64) {
	decision := p.Decide(attempt, err, random)
	st.Outcome, st.Delay = decision.Outcome, decision.Delay
	if err != nil {
		st.Error, st.ErrorClass, st.MaxRetries = err.Error(), ErrorClass(err), p.Retries()
		st.Untried = untried(err)
	}
}

// untried reports whether an error is one of Admit, before any handler was begun.
func untried(err error) bool {
	switch err.(type) { //nolint:errorlint // a handler may return a copy of one
	case *LostError, *UsedUpError, *ExpiredError:
		return true
	}
	return false
}

// Admit decides before an attempt, which would begin now. A delivery beyond the last allowed attempt means that earlier
// workers died with the message in hand, or that the policy has become tighter, and it must not run again; a first one may
// come after the message's ExpiresAt. The error is nil, or a *LostError, *UsedUpError or *ExpiredError to fail it with.
func (p Policy) Admit(d *Delivery, now time.Time) error {
	if f := d.Flow; f != nil && !f.ExpiresAt.IsZero() && d.Attempt == 1 && !now.Before(f.ExpiresAt) {
		return &ExpiredError{f.ExpiresAt}
	}
	switch allowed := p.Retries() + 1; {
	case d.Attempt <= allowed:
	case d.Lost == 0:
		return &UsedUpError{Attempts: d.Attempt - 1, Allowed: allowed}
	default:
		return &LostError{Deliveries: d.Lost}
	}
	return nil
}

// backoff is the wait after the given attempt.
func (p Policy) backoff(attempt int, random float64) time.Duration {
	d, longest := float64(p.InitialDelay), p.MaxDelay
	switch {
	case len(p.Delays) > 0:
		d, longest = float64(p.Delays[min(attempt, len(p.Delays))-1]), MaxRetryDelay
	case p.Backoff == Exponential:
		d *= math.Pow(p.Multiplier, float64(attempt-1))
	case p.Backoff == Linear:
		d *= float64(attempt)
	}
	d *= 1 + max(p.Jitter, 0)*(2*random-1)
	// The comparison is in floating point: a large power must not overflow into a negative duration.
	if d >= float64(longest) {
		return longest
	}
	return time.Duration(d)
}
