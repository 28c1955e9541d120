package letter_test

import (
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

func TestHTMLIsReadAsItIsShown(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"paragraphs", "<p>a</p><p>b\n  c</p>", "a\nb c\n"},
		{"line breaks", "a<br>b<br/><br>c", "a\nb\n\nc"},
		{"lists", "<ul><li>a</li><li>b <b>c</b></li></ul>", "- a\n- b c\n"},
		{"links keep their text", "see <a href=\"https://example.org/x\">the page</a> now", "see the page now"},
		{"words in pieces", "de<b>tec</b>ted <i>at</i> <span>9</span>:15", "detected at 9:15"},
		{"preformatted", "<pre>a  b\n c</pre>d", "a  b\n c\nd"},
		{"script and style", "<style>x</style>a<script>y</script>b", "ab"},
		{"title", "<html><head><title>x</title></head><body>a</body>", "a\n"},
		{"two columns", "<table><tr><td>When</td><td>09:15</td></tr><tr><td>Who</td><td>Jo</td></tr></table>", "When\t09:15\nWho\tJo\n"},
		{"a value over several lines", "<table><tr><td>What</td><td>a<br>b</td></tr></table>", "What\ta\nb\n"},
		{"cells between empty ones", "<table><tr><td></td><td>When</td><td>&nbsp;</td><td>09:15</td></tr></table>", "When\t09:15\n"},
		{"labels and values by turns", "<table><tr><th>When</th><td>09:15</td><th>Who</th><td>Jo</td></tr></table>", "When\t09:15\nWho\tJo\n"},
		{"labels with colons by turns", "<table><tr><td>When:</td><td>09:15</td><td>Who:</td><td>Jo</td></tr></table>", "When:\t09:15\nWho:\tJo\n"},
		{"headings over values", "<table><tr><th>When</th><th>Who</th><th>What</th></tr><tr><td>09:15</td><td>Jo</td><td>bag</td></tr></table>", "When\t09:15\nWho\tJo\nWhat\tbag\n"},
		{"bold headings over values", "<table><tr><td><b>When</b></td><td><strong>Who</strong></td><td><b>What</b></td></tr><tr><td>09:15</td><td>Jo</td><td>bag</td></tr></table>", "When\t09:15\nWho\tJo\nWhat\tbag\n"},
		{"questions and answers", "<table><tr><th>Question</th><th>Answer</th></tr><tr><td>When</td><td>09:15</td></tr><tr><td>Who</td><td>Jo</td></tr></table>", "Question\tAnswer\nWhen\t09:15\nWho\tJo\n"},
		{"many rows under headings", "<table><tr><th>When</th><th>Who</th><th>What</th></tr>" + strings.Repeat("<tr><td>1</td><td>2</td><td>3</td></tr>", 5) + "</table>", "When\tWho\tWhat\n" + strings.Repeat("1\t2\t3\n", 5)},
		{"a form in a layout", "<table><tr><td><table><tr><td>When</td><td>09:15</td></tr></table></td></tr></table>", "When\t09:15\n"},
		{"columns of a layout", "<table><tr><td><p>a</p><p>b</p></td><td><p>c</p><p>d</p></td><td>e</td></tr></table>", "a\nb\nc\nd\ne\n"},
		{"a table that is not closed", "<table><tr><td>When<td>09:15<tr><td>Who<td>Jo", "When\t09:15\nWho\tJo\n"},
		{"cells without a table", "<tr><td>When</td><td>09:15</td></tr>", "When\t09:15\n"},
		{"text between cells", "<table>x<tr><td>When</td><td>09:15</td></tr></table>", "x\nWhen\t09:15\n"},
		{"fields of a form", "<label>When</label> <input type=text value=\"09:15\"><input type=hidden value=x>", "When 09:15"},
		{"quotations", "a<blockquote type=cite>b<blockquote type=cite>c</blockquote>d</blockquote>e", "a\n> b\n> > c\n> d\ne"},
		{"a quotation in a cell", "<table><tr><td>a<blockquote type=cite>b</blockquote></td></tr></table>", "a\n> b\n"},
		{"a table in a quotation", "<blockquote type=cite><table><tr><td>When</td><td>09:15</td></tr></table></blockquote>", "> When\t09:15\n"},
		{"hidden by its style", "a<span style=\"DISPLAY : none\">x</span>b<div hidden>y</div><p style='visibility:hidden'>z</p>c", "abc"},
		{"half visible is visible", "a<span style='opacity:0.8'>b</span>", "ab"},
		{"a heading that is hidden for its height", "<div style='max-height:0;overflow:hidden'>x</div>a", "a"},
		{"void tags do not hide", "<img style='display:none'>a<input hidden>b", "ab"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := letter.HTMLText(tt.page); strings.TrimRight(got, "\n") != strings.TrimRight(tt.want, "\n") {
				t.Errorf("htmlText(%q) = %q, want %q", tt.page, got, tt.want)
			}
		})
	}
}
