package alerting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

// DeliveryVersion is the version of the deliveries that this program writes.
const DeliveryVersion = 1

// A Delivery is one line of the record of deliveries; the package comment
// describes its fields.
type Delivery struct {
	V       int                 `json:"v"`
	Channel string              `json:"channel"`
	Alert   incident.AlertID    `json:"alert,omitempty"`
	State   incident.AlertState `json:"state,omitempty"`
	Phase   Phase               `json:"phase"`
	Outcome outbound.Outcome    `json:"outcome,omitempty"`
	Code    outbound.Code       `json:"code,omitempty"`
	At      time.Time           `json:"at"`
	Attempt int                 `json:"attempt,omitempty"`
	Entry   uint64              `json:"entry,omitempty"`
}

// A Phase says how far an attempt has come.
type Phase string

// The phases.
const (
	Joined   Phase = "joined"
	Begun    Phase = "begun"
	Finished Phase = "finished"
)

// MaxDeliveries bounds the lines of one message.
const MaxDeliveries = 1024

// ErrNewerDelivery says that a line is of a version that this program does not
// know.
var ErrNewerDelivery = errors.New("delivery of a newer version")

// EncodeDeliveries returns ds as the body of one message.
func EncodeDeliveries(ds []Delivery) ([]byte, error) {
	var buf bytes.Buffer
	for i, d := range ds {
		line, err := incident.MarshalCanonical(d)
		if err != nil {
			return nil, fmt.Errorf("encode delivery of %s: %w", d.Alert, err)
		}
		if i > 0 {
			buf.WriteByte('\n')
		}
		buf.Write(line)
	}
	return buf.Bytes(), nil
}

// DecodeDeliveries reads the body of one message. It returns the lines that can
// be read and joins the errors of the others: one bad line hides no other.
func DecodeDeliveries(body []byte) ([]Delivery, error) {
	lines := bytes.Split(body, []byte{'\n'})
	if len(lines) > MaxDeliveries {
		return nil, fmt.Errorf("read deliveries: %d lines, at most %d", len(lines), MaxDeliveries)
	}
	var ds []Delivery
	var all []error
	for i, line := range lines {
		d, err := decodeDelivery(line)
		if err != nil {
			all = append(all, fmt.Errorf("read delivery in line %d: %w", i+1, err))
			continue
		}
		ds = append(ds, d)
	}
	return ds, errors.Join(all...)
}

func decodeDelivery(line []byte) (Delivery, error) {
	var d Delivery
	if err := json.Unmarshal(line, &d); err != nil {
		return d, err
	}
	if d.V > DeliveryVersion {
		return d, fmt.Errorf("%w: %d, this program reads %d", ErrNewerDelivery, d.V, DeliveryVersion)
	}
	return d, d.validate()
}

func (d Delivery) validate() error {
	told := d.State == incident.AlertActive || ended(d.State)
	switch {
	case d.V != DeliveryVersion:
		return fmt.Errorf("version %d", d.V)
	case !ChannelName(d.Channel):
		return fmt.Errorf("channel %q", d.Channel)
	case d.At.IsZero():
		return errors.New("no time")
	}
	switch d.Phase {
	case Joined:
		if d.Alert != "" || d.State != "" || d.Outcome != "" || d.Code != "" || d.Attempt != 0 {
			return errors.New("joined with more than an entry")
		}
		return nil
	case Begun:
		if d.Outcome != "" || d.Code != "" {
			return errors.New("begun with an outcome")
		}
	case Finished:
		if !slices.Contains(outbound.Outcomes(), d.Outcome) {
			return fmt.Errorf("outcome %q", d.Outcome)
		}
		if !slices.Contains(outbound.Codes(), d.Code) || (d.Outcome == outbound.Accepted) != (d.Code == outbound.None) {
			return fmt.Errorf("code %q of outcome %s", d.Code, d.Outcome)
		}
	default:
		return fmt.Errorf("phase %q", d.Phase)
	}
	if _, _, _, _, err := incident.ParseAlertID(d.Alert); err != nil {
		return err
	}
	if !told || d.Attempt < 1 || d.Entry != 0 {
		return fmt.Errorf("%s of state %q, attempt %d", d.Phase, d.State, d.Attempt)
	}
	return nil
}

// ended reports whether s is the end of an alert that was active.
func ended(s incident.AlertState) bool {
	switch s {
	case incident.AlertResolved, incident.AlertRetracted, incident.AlertMerged:
		return true
	case incident.AlertActive, incident.AlertHeld, incident.AlertSuperseded, incident.AlertTaken,
		incident.AlertQuiet, incident.AlertWithheld:
		return false
	default:
		return false
	}
}
