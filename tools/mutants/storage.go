package main

// storageMutants are mistakes about what the server keeps for itself.
var storageMutants = []mutant{
	{file: "records.go", what: "a deletion takes what begins with the same letters",
		old: "r.DeleteRecords(ctx, kind, id, behind(id))", new: "r.DeleteRecords(ctx, kind, id, id+\"\\x7f\")"},
	{file: "records.go", what: "the list ends with its first page",
		old: "err != nil || len(page) < limit {", new: "err != nil || len(page) <= limit {"},
	{file: "records.go", what: "the last of each page is in the list twice",
		old: "from = behind(list[len(list)-1].ID)", new: "from = list[len(list)-1].ID"},
	{file: "records.go", what: "an empty record is kept",
		old: "if len(data) == 0 {", new: "if data == nil {"},
	{file: "records.go", what: "to delete what is not there succeeds",
		old: "if err == nil && n == 0 {", new: "if err == nil && n < 0 {"},
	{file: "storage.go", what: "a part that the transport does not say it has is used",
		old: "if !ok || !has {", new: "if !ok {", run: "Parts"},
}

// scheduleMutants are mistakes about schedules.
var scheduleMutants = []mutant{
	{file: "store.go", what: "the name of another is told as a conflict of versions",
		old: "!errors.Is(err, symphony.ErrConflict) || errors.As(err, &taken)", new: "!errors.Is(err, symphony.ErrConflict) || taken != nil"},
	{file: "store.go", what: "what was deleted is told as changed",
		old: "\tif _, err := Get(ctx, store, id); err != nil {\n\t\treturn Schedule{}, err\n\t}\n", new: ""},
	{file: "store.go", what: "firing writes the definition",
		old: "StateOnly: true, Runs: runs", new: "Runs: runs"},
	{file: "store.go", what: "the history grows without end",
		old: "Runs: runs, Keep: KeptRuns}", new: "Runs: runs}"},
	{file: "store.go", what: "an update makes what is not there",
		old: "\tif version == 0 {\n\t\treturn Schedule{}, unknown(id) // it was never stored\n\t}\n", new: ""},
	{file: "schedule.go", what: "a schedule may have no time at all",
		old: "\tcase 0:\n\t\tp.add(\"at\", \"is required, or cron, or interval\")\n", new: "\tcase 0:\n"},
}
