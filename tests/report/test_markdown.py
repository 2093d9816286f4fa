from steadygan.report.markdown import sentence, to_html


def test_a_plan_becomes_a_table_with_its_heads_beside_each_cell():
    html = to_html("# Plan\n\n| setting | value |\n|---|---|\n| `steps` | 2000 |\n")
    assert "<h3>" not in html  # the page has its own
    assert "<th>setting</th>" in html
    assert '<td data-label="setting"><span><code>steps</code></span></td>' in html
    assert '<td data-label="value"><span>2000</span></td>' in html


def test_lists_headings_paragraphs_and_code():
    html = to_html("## Data\nten **classes**\nof images\n\n- a\n- b\n\n1. c\n```\n# <x>\n```")
    assert html == (
        "<h3>Data</h3><p>ten <strong>classes</strong> of images</p>"
        "<ul><li>a</li><li>b</li></ul><ol><li>c</li></ol><pre># &lt;x&gt;</pre>"
    )


def test_nothing_in_it_can_act():
    hostile = "<script>alert(1)</script> `<img onerror=x>` | <b> **<i>**"
    for text in (hostile, f"- {hostile}", f"| {hostile} |", f"## {hostile}", f"```\n{hostile}\n```"):
        html = to_html(text)
        assert "<script" not in html
        assert "<img" not in html
        assert "<i>" not in html
    assert "<script" not in sentence(hostile)
    assert 'data-label="&quot;x"' in to_html('| "x |\n|---|\n| y |')


def test_options_in_a_sentence_stand_out():
    html = sentence("Halve both: --set a.b=0.1 --set c.d=0.2. Then go on.")
    assert html == "Halve both: <code>--set a.b=<wbr>0.1</code> <code>--set c.d=<wbr>0.2</code>. Then go on."


def test_an_option_in_quotes_is_one_piece():
    html = sentence("Add it: --set 'stabilizers+={name: r1, gamma: 0.1}'. Then go on.")
    assert html == "Add it: <code>--set &#x27;stabilizers+=<wbr>{name: r1, gamma: 0.1}&#x27;</code>. Then go on."


def test_odd_texts_do_not_break_it():
    for text in ("", "|", "||", "|---|", "```", "#", "-", "\0", "| a |\n|---|---|\n| b | c | d |", "`", "**"):
        to_html(text)
