package alertmanager

import (
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Encode returns the body that tells alerts at now.
func Encode(c Config, alerts []incident.Alert, now time.Time) ([]byte, error) {
	return c.encode(alerts, now)
}
