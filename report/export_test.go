package report

// What the tests of the words need.
//
//nolint:gochecknoglobals // names for tests
var (
	On     = on
	SpanOf = span
	Length = length
	Brief  = brief
)
