package webhook

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// maxTitle bounds a title, in characters.
const maxTitle = 200

// Title returns the line by which people know part i of s, or "": an alert's
// summary or name, or what the mapping of the source says. It is made of bytes
// that a sender chose and is only for showing: one line, without control and
// direction characters. It never stands in the record.
func (x *Interpreter) Title(s incident.Signal, rule incident.SourceRule, i int) string {
	c, err := x.compiled(rule.Reading)
	if err != nil || i < 0 || i >= incident.MaxParts {
		return ""
	}
	body, why, _ := document(s.Raw)
	if why != "" {
		return ""
	}
	if c.Kind == KindAlertmanager {
		return oneLine(alertTitle(body, i))
	}
	r := &reading{s: s, rule: rule, c: c}
	r.meter.Limit = maxSpent
	return oneLine(r.title(body, i))
}

func alertTitle(body []byte, i int) string {
	c := &cursor{b: body}
	if !c.open('{') {
		return ""
	}
	title := ""
	for c.more() {
		if string(c.name()) != "alerts" {
			c.skip()
			continue
		}
		alerts, _, _, _ := c.alerts(0, false)
		if i >= len(alerts) {
			continue
		}
		a := &alerts[i]
		for _, t := range [...]string{find(a.annotations, "summary"), find(a.annotations, "description"), a.label("alertname")} {
			if title = t; title != "" {
				break
			}
		}
	}
	return title
}

func (r *reading) title(body []byte, i int) string {
	if r.c.title == nil {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var p any
	if err := d.Decode(&p); err != nil {
		return ""
	}
	item := p
	if r.c.each != nil {
		items, ok := r.each(p)
		if !ok || i >= len(items) {
			return ""
		}
		item = items[i]
	} else if i > 0 {
		return ""
	}
	v, err := r.c.title.Eval(map[string]any{"p": p, "item": item}, &r.meter)
	if err != nil {
		return ""
	}
	return scalar(v)
}

// oneLine makes text safe to show in a terminal, a page and a mail's subject.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case unicode.IsControl(c), unicode.Is(unicode.Cf, c): // Cf holds the direction characters
			return -1
		default:
			return c
		}
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxTitle {
		return string(r[:maxTitle-1]) + "…"
	}
	return s
}
