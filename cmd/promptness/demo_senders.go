package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
)

// demoMail writes the mail of s as a mail server would hand it over.
func demoMail(s demoSignal, n int, now time.Time, refs []incident.Ref) (raw []byte, stamped time.Time) {
	stamped = now.Add(-s.received).Truncate(time.Second)
	london := func(ago time.Duration) string { return now.Add(-ago).In(incident.London()).Format("02/01/2006 15:04") }
	var body []string
	switch {
	case s.noticed != 0 && s.to != 0:
		body = append(body, "Date and time detected: "+london(s.noticed)+" to "+now.Add(-s.to).In(incident.London()).Format("15:04"))
	case s.noticed != 0:
		body = append(body, "Date and time detected: "+london(s.noticed))
	}
	for _, r := range refs {
		body = append(body, "This is about "+string(r)+".")
	}
	body = append(body, s.prose, "I want to report a security incident: "+s.story+".")
	subject := "Security incident: " + s.story
	if s.secret {
		subject = "SECRET - " + subject
	}
	auth := "mx.example.org; dkim=pass header.d=example.org; spf=pass smtp.mailfrom=example.org; dmarc=pass header.from=example.org"
	if s.unknownSender {
		auth = "mx.example.org; dkim=none; spf=fail smtp.mailfrom=example.org; dmarc=fail header.from=example.org"
	}
	header := []string{
		"Authentication-Results: " + auth,
		"Received: from relay.example.org (relay.example.org [192.0.2.25]) by mx.example.org with ESMTPS id demo" +
			fmt.Sprint(n) + "; " + stamped.UTC().Format(time.RFC1123Z),
		fmt.Sprintf("From: A Reporter <reporter-%d@example.org>", n),
		"To: OperationalSecurityTeam@example.org",
		"Date: " + stamped.UTC().Format(time.RFC1123Z),
		fmt.Sprintf("Message-ID: <demo-%d-%d@example.org>", n, now.UnixNano()),
		"Subject: " + subject,
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8",
	}
	return []byte(strings.Join(header, "\r\n") + "\r\n\r\n" + strings.Join(body, "\r\n") + "\r\n"), stamped
}

// demoAlert is a delivery in the format of Alertmanager's webhook, version 4.
func demoAlert(s demoSignal, now time.Time, refs []incident.Ref) []byte {
	h := fnv.New64a()
	io.WriteString(h, s.story)
	annotations := map[string]string{"summary": s.story}
	labels := map[string]string{"alertname": "SuspiciousActivity", "severity": "high", "rule": s.story}
	for _, r := range refs {
		annotations["related"] = string(r)
	}
	body, err := json.Marshal(map[string]any{
		"version": "4", "groupKey": `{}:{alertname="SuspiciousActivity"}`, "truncatedAlerts": 0,
		"status": "firing", "receiver": "promptness", "externalURL": "http://alertmanager.example.org",
		"groupLabels": map[string]string{"alertname": "SuspiciousActivity"}, "commonLabels": labels, "commonAnnotations": annotations,
		"alerts": []any{map[string]any{
			"status": "firing", "labels": labels, "annotations": annotations,
			"startsAt": now.Add(-s.started).UTC().Format(time.RFC3339Nano), "endsAt": "0001-01-01T00:00:00Z",
			"generatorURL": "http://prometheus.example.org/graph", "fingerprint": fmt.Sprintf("%016x", h.Sum64()),
		}},
	})
	if err != nil {
		panic(fmt.Sprintf("unreachable, all values are text: %v", err))
	}
	return body
}

// post sends body with a bearer token and returns what was answered.
func post(ctx context.Context, url, token string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusAccepted {
		return nil, fmt.Errorf("post %s: answered %s: %s", url, res.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}

// demoAct is what the person asks to have recorded.
func demoAct(s demoSignal, now time.Time, rec *incident.IncidentRecord) ([]byte, error) {
	r := manual.Request{Kind: s.act, Ref: rec.Ref}
	switch s.act {
	case incident.ActCorrection:
		r.Milestone, r.Upon, r.Reason = incident.Detected, rec.Evidence, incident.ReasonTyping
		r.Interval = incident.Minute(now.Add(-s.time).Truncate(time.Minute))
	case incident.ActDisposition:
		r.Disposition, r.Reason = incident.FalsePositive, incident.ReasonFalseAlarm
	default:
	}
	return json.Marshal(r)
}
