package email

// Own returns the text of a mail and, at the same places, what of it its sender
// wrote himself.
func Own(raw []byte) (text, own string) {
	m := &mailing{document: parse(raw)}
	m.layout()
	m.prepare()
	return m.body, m.own
}
