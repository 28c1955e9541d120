package alerting

import "context"

// Known returns the number of alerts that the desk keeps.
func (d *Desk) Known(ctx context.Context) (n int) {
	d.do(ctx, func() { n = len(d.book.alerts) })
	return n
}
