package schedule

import "time"

// The limits and defaults of schedules.
const (
	// MinInterval to MaxInterval is the range of a schedule's interval; MaxJitter bounds its
	// jitter and MaxCronLength, in characters, its cron expression.
	MinInterval   = time.Second
	MaxInterval   = 10 * 365 * 24 * time.Hour
	MaxJitter     = 24 * time.Hour
	MaxCronLength = 255

	// MaxCatchUp is how many missed occurrences of one schedule with MissedAll are fired in one round, so that a long
	// outage floods nobody. The next round, which follows at once, continues.
	MaxCatchUp = 100

	// MissedGrace is how late an occurrence with MissedSkip may fire.
	MissedGrace = time.Minute

	// KeptRuns is how many entries the history of a schedule has.
	KeptRuns = 100

	// MaxPage is the most schedules, or entries of a history, that one page may hold; DefaultPage is
	// what it holds unasked.
	MaxPage     = 200
	DefaultPage = 50
)
