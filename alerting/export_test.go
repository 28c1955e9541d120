package alerting

// Known returns the number of alerts that the desk keeps.
func (d *Desk) Known() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.book.alerts)
}

// Remembered returns of how many alerts the present tour remembers what one of
// the channels was told.
func (d *Desk) Remembered() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, l := range d.lanes {
		n = max(n, len(l.told))
	}
	return n
}
