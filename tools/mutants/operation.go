package main

// operationMutants are mistakes about work in bulk.
var operationMutants = []mutant{
	{file: "move.go", what: "what fails during a bulk retry is retried by it",
		old: "\tf.Until = now\n", new: ""},
	{file: "move.go", what: "what was dated ahead is forgotten",
		old: "\treturn dead.Select(ctx, later, \"\", maxAhead)\n",
		new: "\t_, err = dead.Select(ctx, later, \"\", maxAhead)\n\treturn nil, err\n"},
	{file: "move.go", what: "a selection begins again after each step",
		old: "\t\t\tafter = last(some)\n", new: "\t\t\tafter = \"\"\n"},
	{file: "operation.go", what: "ids and a filter are taken together",
		old: "case r.IDs != nil && r.Filter != nil:", new: "case r.IDs != nil && r.Filter != nil && r.Rate > 0:"},
	{file: "operation.go", what: "an empty filter deletes everything",
		old: "r.Filter.SelectsAll() && !r.All {",
		new: "r.Filter.SelectsAll() && !r.All && r.Rate > 0 {"},
	{file: "work.go", what: "an operation ends before what was dated ahead",
		old: "if op.Filter != nil && op.Ahead == 0 {", new: "if op.Filter != nil {"},
}
