//! From text to ZEN's tree, with limits that hold before the parser is entered and words a person understands.
//!
//! ZEN's parser tries brackets twice where a range (`..`) occurs, and follows unary operators and member chains by
//! recursion: the token counts below keep both cheap for any input.

use std::ops::Range;

use bumpalo::Bump;
use zen_expression::lexer::{Bracket, Lexer, LexerError, Operator, Token, TokenKind};
use zen_expression::parser::{AstNodeError, Node, Parser, ParserResult};

use super::problem::{ExprProblem, ExprProblemKind as Kind, nearest};
use super::{MAX_BYTES, MAX_DEPTH, MAX_TOKENS};

/// Brackets within brackets, where the expression has a range (`..`): the parser's work doubles with each.
const MAX_BRACKETS_WITH_RANGE: usize = 6;
/// Brackets within brackets otherwise.
const MAX_BRACKETS: usize = 32;

/// A parsed expression; lives as long as its arena.
pub(super) struct Tree<'a> {
    pub(super) text: &'a str,
    pub(super) root: &'a Node<'a>,
    parsed: ParserResult<'a>,
}

impl<'a> Tree<'a> {
    /// The bytes of `node` in the text.
    pub(super) fn range(&self, node: &Node<'a>) -> Range<usize> {
        let (start, end) = match node {
            // The parser counts tokens here, not bytes, and starts a conditional at its question mark.
            Node::Interval { left, right, .. } => {
                let (from, to) = (self.range(left).start, self.range(right).end);
                (from.saturating_sub(1), (to + 1).min(self.text.len()))
            }
            Node::Conditional { condition, on_false, .. } => {
                (self.range(condition).start, self.range(on_false).end)
            }
            Node::Binary { left, right, .. } => (self.range(left).start, self.range(right).end),
            _ => self.meta(node),
        };
        self.on_boundaries(start, end)
    }

    fn meta(&self, node: &Node<'a>) -> (usize, usize) {
        let spans = self.parsed.metadata.as_ref();
        let span = spans.and_then(|spans| spans.get(&(std::ptr::from_ref(node) as usize)));
        span.map_or((0, self.text.len()), |meta| (meta.span.0 as usize, meta.span.1 as usize))
    }

    fn on_boundaries(&self, start: usize, end: usize) -> Range<usize> {
        let start = self.text.floor_char_boundary(start.min(self.text.len()));
        start..self.text.ceil_char_boundary(end.clamp(start, self.text.len()))
    }
}

/// The parts of a node, in the order they are written.
pub(super) fn children<'a>(node: &Node<'a>) -> Vec<&'a Node<'a>> {
    match node {
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::String(_) => Vec::new(),
        Node::Pointer | Node::Identifier(_) | Node::Root => Vec::new(),
        Node::TemplateString(parts) | Node::Array(parts) => parts.to_vec(),
        Node::Object(pairs) => pairs.iter().flat_map(|(key, value)| [*key, *value]).collect(),
        Node::Assignments { list, output } => {
            list.iter().flat_map(|(key, value)| [*key, *value]).chain(*output).collect()
        }
        Node::Closure { body, .. } => vec![body],
        Node::Parenthesized(inner) => vec![inner],
        Node::Member { node, property } => vec![node, property],
        Node::Slice { node, from, to } => [Some(*node), *from, *to].into_iter().flatten().collect(),
        Node::Interval { left, right, .. } | Node::Binary { left, right, .. } => vec![left, right],
        Node::Conditional { condition, on_true, on_false } => vec![condition, on_true, on_false],
        Node::Unary { node, .. } => vec![node],
        Node::FunctionCall { arguments, .. } => arguments.to_vec(),
        Node::MethodCall { this, arguments, .. } => {
            std::iter::once(*this).chain(arguments.iter().copied()).collect()
        }
        Node::Error { node, .. } => node.iter().copied().collect(),
    }
}

/// Reads `text`; a text that cannot be read has exactly one problem, the first.
pub(super) fn parse<'a>(bump: &'a Bump, text: &'a str) -> Result<Tree<'a>, Box<ExprProblem>> {
    if text.len() > MAX_BYTES {
        return Err(Box::new(too_long(text)));
    }
    if let Some(quote) = open_quote(text) {
        let (en, zh) = ("this quote is never closed", "此引号没有闭合");
        return Err(Box::new(
            ExprProblem::new(Kind::Syntax, quote..text.len(), en.into(), zh.into())
                .help("close it with the same quote", "请用相同的引号结束"),
        ));
    }
    let tokens = Lexer::new().tokenize(bump, text).map_err(|error| Box::new(unreadable(text, &error)))?;
    if let Some(problem) = token_problem(text, &tokens) {
        return Err(Box::new(problem));
    }
    // `try_new` of the pinned version never fails; a failure would be a text without any meaning.
    let parsed = match Parser::try_new(&tokens, bump) {
        Ok(parser) => parser.with_metadata().standard().parse(),
        Err(_) => return Err(Box::new(misplaced(text, 0..text.len()))),
    };
    let complete = parsed.is_complete;
    let tree = Tree { text, root: parsed.root, parsed };
    let Some(deepest) = nodes_within(tree.root, MAX_DEPTH) else {
        return Err(Box::new(too_deep(text)));
    };
    if let Some(problem) = first_error(&tree, &deepest) {
        return Err(Box::new(problem));
    }
    if !complete {
        return Err(Box::new(left_over(&tree, &deepest, &tokens)));
    }
    Ok(tree)
}

/// All nodes, or `None` where the tree is deeper than `depth`. Iterative, so that no text can exhaust the stack.
fn nodes_within<'a>(root: &'a Node<'a>, depth: usize) -> Option<Vec<&'a Node<'a>>> {
    let mut nodes = Vec::new();
    let mut open = vec![(root, 1)];
    while let Some((node, level)) = open.pop() {
        if level > depth {
            return None;
        }
        nodes.push(node);
        open.extend(children(node).into_iter().map(|child| (child, level + 1)));
    }
    Some(nodes)
}

fn token_problem(text: &str, tokens: &[Token]) -> Option<ExprProblem> {
    if tokens.is_empty() {
        let (en, zh) = ("there is no expression", "表达式为空");
        return Some(
            ExprProblem::new(Kind::Syntax, 0..text.len(), en.into(), zh.into())
                .help("write `true` for a rule that always holds", "若规则始终成立，请写 `true`"),
        );
    }
    let has_range = tokens.iter().any(|token| token.kind == TokenKind::Operator(Operator::Range));
    let (mut open, mut deepest) = (0_usize, 0_usize);
    for token in tokens {
        match token.kind {
            TokenKind::Bracket(
                Bracket::LeftParenthesis | Bracket::LeftSquareBracket | Bracket::LeftCurlyBracket,
            ) => open += 1,
            TokenKind::Bracket(_) => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    let limit = if has_range { MAX_BRACKETS_WITH_RANGE } else { MAX_BRACKETS };
    if tokens.len() > MAX_TOKENS || deepest > limit {
        return Some(too_deep(text));
    }
    let assign = tokens.iter().find(|token| token.kind == TokenKind::Operator(Operator::Assign))?;
    let at = assign.span.0 as usize..assign.span.1 as usize;
    Some(
        ExprProblem::new(Kind::Syntax, at, "`=` sets a value".into(), "`=` 表示赋值".into())
            .help("write `==` to compare", "比较请写 `==`")
            .suggest("=="),
    )
}

fn too_long(text: &str) -> ExprProblem {
    ExprProblem::new(
        Kind::TooLong,
        0..text.len(),
        format!("the expression has {} bytes, {MAX_BYTES} are allowed", text.len()),
        format!("表达式有 {} 字节，上限为 {MAX_BYTES}", text.len()),
    )
    .help("split it into several rules, or use a table", "请拆成多条规则，或改用表格")
}

fn too_deep(text: &str) -> ExprProblem {
    let (en, zh) = ("the expression has too many parts or brackets", "表达式的组成部分或括号层数过多");
    ExprProblem::new(Kind::TooDeep, 0..text.len(), en.into(), zh.into()).help(
        "use `in [...]` instead of many `or`, or split the rule",
        "请用 `in [...]` 代替多个 `or`，或拆分规则",
    )
}

/// Where a quote is opened and never closed. Quotes know no escapes in this language.
fn open_quote(text: &str) -> Option<usize> {
    let mut open: Option<(usize, char)> = None;
    for (at, c) in text.char_indices() {
        match open {
            Some((_, quote)) if quote == c => open = None,
            None if matches!(c, '"' | '\'' | '`') => open = Some((at, c)),
            _ => {}
        }
    }
    open.map(|(at, _)| at)
}

fn unreadable(text: &str, error: &LexerError) -> ExprProblem {
    let at = match error {
        LexerError::UnexpectedSymbol { span, .. } => span.0,
        LexerError::UnmatchedSymbol { position, .. } | LexerError::UnexpectedEof { position, .. } => {
            *position
        }
    };
    let at = text.floor_char_boundary((at as usize).min(text.len()));
    let c = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
    let doubled = text.get(at + c.len_utf8()..).is_some_and(|rest| rest.starts_with(c));
    let instead = match c {
        '&' => "and",
        '|' => "or",
        '“' | '”' | '「' | '」' | '＂' => "\"",
        '‘' | '’' | '＇' => "'",
        '（' => "(",
        '）' => ")",
        '［' | '【' => "[",
        '］' | '】' => "]",
        '，' | '、' => ",",
        '＝' => "==",
        '！' | '≠' => "!=",
        '＞' => ">",
        '＜' => "<",
        '≥' => ">=",
        '≤' => "<=",
        '？' => "?",
        '：' => ":",
        '＋' => "+",
        '－' | '—' => "-",
        '．' | '。' => ".",
        '　' | '\u{a0}' | '\r' => " ",
        _ => "",
    };
    let end = at + c.len_utf8() * if doubled && matches!(c, '&' | '|') { 2 } else { 1 };
    let problem = ExprProblem::new(
        Kind::Syntax,
        at..end.min(text.len()),
        format!("`{c}` has no meaning here"),
        format!("此处的 `{c}` 没有意义"),
    );
    if !instead.is_empty() {
        return problem
            .help(format!("write `{instead}`"), format!("请写 `{instead}`（半角）"))
            .suggest(instead);
    }
    if c.is_alphanumeric() {
        return problem.help(
            "put text in quotes; a field with such a name is written `lead[\"名称\"]`",
            "文本请加引号；这类名称的字段请写成 `lead[\"名称\"]`",
        );
    }
    problem
}

fn first_error<'a>(tree: &Tree<'a>, nodes: &[&'a Node<'a>]) -> Option<ExprProblem> {
    nodes
        .iter()
        .filter_map(|node| match node {
            Node::Error { error, .. } => Some(error_problem(tree, error)),
            _ => None,
        })
        .min_by_key(|problem| (problem.range.start, problem.kind))
}

fn error_problem(tree: &Tree, error: &AstNodeError) -> ExprProblem {
    let text = tree.text;
    let at = |span: &(u32, u32)| tree.on_boundaries(span.0 as usize, span.1 as usize);
    match error {
        AstNodeError::UnknownBuiltIn { name, span } => super::functions::unknown(name, at(span)),
        AstNodeError::UnknownMethod { span, .. } => ExprProblem::new(
            Kind::Forbidden,
            at(span),
            "values have no methods here".into(),
            "此处的值没有方法".into(),
        )
        .help("call a function: `lower(lead.email)`", "请用函数写法：`lower(lead.email)`"),
        AstNodeError::InvalidNumber { number, span } => ExprProblem::new(
            Kind::Syntax,
            at(span),
            format!("`{number}` is not a number"),
            format!("`{number}` 不是数字"),
        ),
        AstNodeError::MissingToken { .. } => misplaced(text, text.len()..text.len()),
        AstNodeError::UnexpectedIdentifier { span, .. }
        | AstNodeError::UnexpectedToken { span, .. }
        | AstNodeError::InvalidBoolean { span, .. }
        | AstNodeError::InvalidProperty { span, .. }
        | AstNodeError::ExpectedProperty { span }
        | AstNodeError::ExpectedLiteral { span }
        | AstNodeError::UnexpectedEnd { span }
        | AstNodeError::Custom { span, .. } => misplaced(text, at(span)),
    }
}

/// Something that does not belong where it stands, or that is missing at the end.
fn misplaced(text: &str, range: Range<usize>) -> ExprProblem {
    let found = text.get(range.clone()).unwrap_or_default();
    if found.trim().is_empty() {
        let rest = text.get(range.end..).unwrap_or_default().trim_start();
        if rest.is_empty() {
            let (en, zh) = ("the expression ends too early", "表达式不完整");
            return ExprProblem::new(Kind::Syntax, range, en.into(), zh.into())
                .help("a value, a name or a closing bracket is missing", "缺少值、名称或右括号");
        }
        let (en, zh) = ("a value or a name is missing here", "此处缺少值或名称");
        return ExprProblem::new(Kind::Syntax, range, en.into(), zh.into());
    }
    let problem = ExprProblem::new(
        Kind::Syntax,
        range,
        format!("`{found}` does not belong here"),
        format!("`{found}` 不应出现在此处"),
    );
    let instead = match found.to_ascii_lowercase().as_str() {
        "and" => "and",
        "or" => "or",
        "not" => "not",
        "is" | "equals" | "eq" => "==",
        "like" | "contains" | "includes" => {
            return problem.help("write `contains(lead.title, \"…\")`", "请写 `contains(lead.title, \"…\")`");
        }
        word => match nearest(word, ["and", "or", "in"]) {
            Some(near) => near,
            None => {
                return problem
                    .help("join two conditions by `and` or `or`", "两个条件之间请用 `and` 或 `or`");
            }
        },
    };
    problem.suggest(instead)
}

/// The first token behind what could be read.
fn left_over<'a>(tree: &Tree<'a>, nodes: &[&'a Node<'a>], tokens: &[Token]) -> ExprProblem {
    let end = nodes.iter().map(|node| tree.range(node).end).max().unwrap_or(0);
    let next = tokens.iter().find(|token| token.span.0 as usize >= end).or(tokens.last());
    let range = next
        .map_or(0..tree.text.len(), |token| tree.on_boundaries(token.span.0 as usize, token.span.1 as usize));
    misplaced(tree.text, range)
}
