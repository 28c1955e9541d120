package report

import "time"

// Wilson and SpreadOf are what figures are made by.
var Wilson = wilson

// SpreadOf returns the spread of delays between two bounds each.
func SpreadOf(low, high []time.Duration) Spread {
	var ds []bounded
	for i := range low {
		ds = append(ds, bounded{low: low[i], high: high[i]})
	}
	return spreadOf(ds)
}
