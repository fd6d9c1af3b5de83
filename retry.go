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

// Values that turn off part of a Policy, where zero means the default.
const (
	NoRetries = -1
	NoJitter  = -1.0
)

// Backoff selects how the delay grows from one retry to the next.
type Backoff string

// Kinds of Backoff. The zero value means Exponential.
const (
	Exponential Backoff = "exponential" // InitialDelay, then each Multiplier times the one before
	Linear      Backoff = "linear"      // InitialDelay, twice, three times InitialDelay
	Fixed       Backoff = "fixed"       // always InitialDelay
)

// Policy decides whether and when a failed message is retried. The zero value means the defaults: 3 retries after 1 s,
// 2 s and 4 s, each plus or minus 10%.
type Policy struct {
	// MaxRetries is the number of attempts after the first. Default 3, or the number of Delays; NoRetries for none.
	MaxRetries int
	// Backoff selects how the delay grows. Default Exponential.
	Backoff Backoff
	// Delays lists the delay before each retry and replaces Backoff and InitialDelay; the last one repeats. Each is 0
	// to MaxRetryDelay. Of the other fields only Jitter applies to them.
	Delays []time.Duration
	// InitialDelay is the delay before the first retry. Default 1 s.
	InitialDelay time.Duration
	// Multiplier is the factor by which each delay of Exponential exceeds the one before. At least 1, default 2.
	Multiplier float64
	// MaxDelay limits every delay, jitter included. Default 30 s.
	MaxDelay time.Duration
	// Jitter varies each delay randomly by up to this fraction in either direction. 0 to 1, default 0.1; NoJitter for
	// none.
	Jitter float64
}

// Retries returns the number of attempts after the first.
func (p Policy) Retries() int {
	return max(p.WithDefaults().MaxRetries, 0)
}

// WithDefaults returns p with zero values replaced by their defaults. What was turned off stays off.
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

// Validate reports every value that is out of range.
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

// For is the policy for a message with these terms: what they say wins over what p says. A RetryDelay replaces the
// delays and leaves the number of retries. Nil changes nothing.
func (p Policy) For(t *Terms) Policy {
	if t == nil || t.MaxRetries == nil && t.RetryDelay == nil {
		return p
	}
	retries := p.Retries()
	if t.MaxRetries != nil {
		retries = *t.MaxRetries
	}
	p.MaxRetries = cmp.Or(retries, NoRetries)
	if t.RetryDelay != nil {
		p.Delays = t.RetryDelay
	}
	return p
}

// Decision says what happens to a message after an attempt.
type Decision struct {
	Outcome Outcome       // Ack, Retry, Fail, or Release of what was deferred
	Delay   time.Duration // for Retry and Release
}

// Decide decides what happens to a message after an attempt; nothing else does. attempt is the 1-based number of the
// attempt that ended with err, and random, in [0, 1), spreads the delay. A nil error acks the message; an error of
// Defer releases it. A permanent error, or any error of the last attempt allowed, fails it. Otherwise the message is
// retried after the delay that RetryAfter asked for, or after the policy's backoff.
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

// Settle completes the settlement of an attempt that ended with err, as Decide decides.
func (p Policy) Settle(st *Settlement, attempt int, err error, random float64) {
	decision := p.Decide(attempt, err, random)
	st.Outcome, st.Delay = decision.Outcome, decision.Delay
	if err != nil {
		st.Error, st.ErrorClass, st.MaxRetries = err.Error(), ErrorClass(err), p.Retries()
		st.Untried = untried(err)
	}
}

// untried reports whether err came from Admit, before any handler began.
func untried(err error) bool {
	switch err.(type) { //nolint:errorlint // a handler may return a copy of one
	case *UsedUpError, *ExpiredError:
		return true
	}
	return false
}

// Admit decides whether an attempt may begin now. A delivery beyond the last allowed attempt means that earlier workers
// died while they had the message, or that the policy has become stricter; it must not run again. A first delivery may
// come after the message has expired. The error is nil, or the *UsedUpError or *ExpiredError to fail the message with.
func (p Policy) Admit(d *Delivery, now time.Time) error {
	if f := d.Flow; f != nil && !f.ExpiresAt.IsZero() && d.Attempt == 1 && !now.Before(f.ExpiresAt) {
		return &ExpiredError{f.ExpiresAt}
	}
	if allowed := p.Retries() + 1; d.Attempt > allowed {
		return &UsedUpError{Attempts: d.Attempt - 1, Allowed: allowed, Lost: d.Lost}
	}
	return nil
}

// backoff returns the delay after the given attempt.
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
	d = min(d, math.MaxFloat64) // nothing times infinity is no number
	d *= 1 + max(p.Jitter, 0)*(2*random-1)
	// The comparison is in floating point: a large power must not overflow into a negative duration.
	if d >= float64(longest) {
		return longest
	}
	return time.Duration(d)
}
