package alerting

// Known returns the number of alerts that the desk keeps.
func (d *Desk) Known() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.book.alerts)
}
