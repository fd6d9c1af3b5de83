package wire

// ImportResponse counts what became of the lines of an import.
type ImportResponse struct {
	Success         bool            `json:"success" required:"true"`
	DryRun          bool            `json:"dryRun,omitzero" audit:"keep" description:"Everything was checked and nothing stored: imported counts what would have been."`
	Imported        int64           `json:"imported" audit:"keep" required:"true" description:"New messages."`
	Duplicates      int64           `json:"duplicates" audit:"keep" required:"true" description:"Messages that were there, from an import before or by their idempotency key."`
	Skipped         int64           `json:"skipped" audit:"keep" required:"true" description:"Messages of a status that is not imported."`
	Invalid         int64           `json:"invalid" audit:"keep" required:"true" description:"Lines that were not imported because of their problems."`
	Problems        []ImportProblem `json:"problems" required:"true" description:"Of the first lines with problems."`
	ProblemsOmitted int64           `json:"problemsOmitted,omitzero" description:"Further problems, for which the list was too long."`
}

// ImportProblem is one mistake in a line of an import.
type ImportProblem struct {
	Line    int64  `json:"line" required:"true" description:"1 is the first. In CSV, where a row may have several lines, the first of the row."`
	Path    string `json:"path" required:"true"`
	Message string `json:"message" required:"true"`
}
