/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libtomlplusplus behind toml.h; the only C++ here.
 *
 * Compiled header-only with NDEBUG: the shared build of 3.3 aborts on inputs
 * such as "[.a]" and "[[[". Whatever is thrown ends here as an error.
 */
#ifndef NDEBUG
#define NDEBUG
#endif
extern "C" {
#include "base/err.h"
}
#include "config/toml.h"

/* pkg-config sets these for the shared build. */
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES TOML_DEPTH_MAX

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include <toml++/toml.h>

namespace {

/* A value that a tree of C structs cannot hold. */
struct refusal {
	const char *what;
	int line;
	int column;
};

char *copy_text(std::string_view s, int line, int column) {
	if (s.find('\0') != std::string_view::npos)
		throw refusal{ "a string must not hold the character U+0000", line, column };

	char *out = static_cast<char *>(std::malloc(s.size() + 1));

	if (!out)
		throw std::bad_alloc();
	std::memcpy(out, s.data(), s.size());
	out[s.size()] = '\0';
	return out;
}

void release(toml_node *node) {
	std::free(node->key);
	std::free(node->text);
	for (size_t i = 0; i < node->count; i++)
		release(&node->items[i]);
	std::free(node->items);
}

void reserve(toml_node *out, size_t count) {
	if (count == 0)
		return;
	out->items = static_cast<toml_node *>(std::calloc(count, sizeof(toml_node)));
	if (!out->items)
		throw std::bad_alloc();
}

void convert(const toml::node &in, toml_node *out) {
	out->line = static_cast<int>(in.source().begin.line);
	out->column = static_cast<int>(in.source().begin.column);
	if (const auto *s = in.as_string()) {
		out->type = TOML_STRING;
		out->text = copy_text(s->get(), out->line, out->column);
	} else if (const auto *i = in.as_integer()) {
		out->type = TOML_INT;
		out->integer = i->get();
	} else if (const auto *f = in.as_floating_point()) {
		out->type = TOML_FLOAT;
		out->real = f->get();
	} else if (const auto *b = in.as_boolean()) {
		out->type = TOML_BOOL;
		out->boolean = b->get();
	} else if (const auto *a = in.as_array()) {
		out->type = TOML_ARRAY;
		reserve(out, a->size());
		for (const toml::node &item : *a)
			convert(item, &out->items[out->count++]);
	} else if (const auto *t = in.as_table()) {
		out->type = TOML_TABLE;
		reserve(out, t->size());
		for (const auto &[key, value] : *t) {
			toml_node *child = &out->items[out->count++];

			child->key_line = static_cast<int>(key.source().begin.line);
			child->key_column = static_cast<int>(key.source().begin.column);
			child->key = copy_text(key.str(), child->key_line, child->key_column);
			convert(value, child);
		}
		/* The library sorts by key; people think in the order they wrote. */
		std::stable_sort(out->items, out->items + out->count,
				 [](const toml_node &l, const toml_node &r) {
					 return l.key_line != r.key_line
							? l.key_line < r.key_line
							: l.key_column < r.key_column;
				 });
	} else {
		out->type = TOML_TIME;
	}
}

int fail(struct err *err, const char *name, int line, int column, std::string_view what) {
	/* The library begins its sentences with a capital. */
	char first = what.empty() ? ' ' : what[0];
	bool upper = first >= 'A' && first <= 'Z' && (what.size() < 2 || what[1] < 'A' || what[1] > 'Z');

	/* A name of the library's insides says nothing to people. */
	if (size_t inside = what.find(" (TOML_"); inside != std::string_view::npos)
		what = what.substr(0, inside);
	if (upper)
		first = static_cast<char>(first - 'A' + 'a');
	if (!what.empty())
		what.remove_prefix(1);
	return err_set(err, ERR_CONFIG, -EINVAL, "%s:%d:%d: %c%.*s", name, line, column, first,
		       static_cast<int>(std::min<size_t>(what.size(), 600)), what.data());
}

int parse(std::string_view text, const char *name, toml_node *root, struct err *err) {
	toml::parse_result result = toml::parse(text);

	if (!result) {
		const toml::source_position &at = result.error().source().begin;

		return fail(err, name, static_cast<int>(at.line), static_cast<int>(at.column),
			    result.error().description());
	}
	convert(result.table(), root);
	return 0;
}

/*
 * The library limits how deep values lie in each other, not how many parts a
 * key has, and frees its tree by recursion: "a.a.a.a…" would end on the stack's
 * guard page. So keys are counted before it sees them. Where this reads a
 * string otherwise than the library, the library has found an error before.
 */
class key_counter {
	std::string_view text;
	size_t at = 0;
	int line = 1, column = 1, parts = 1;

	bool starts(const char *s) const { return text.compare(at, std::strlen(s), s) == 0; }

	void step(size_t n = 1) {
		while (n-- && at < text.size()) {
			if (text[at] == '\n') {
				line++;
				column = 1;
			} else if ((text[at] & 0xc0) != 0x80) {
				column++;
			}
			at++;
		}
	}

	void skip_string(const char *quote, bool multi, bool escapes) {
		step(std::strlen(quote));
		while (at < text.size()) {
			if (escapes && text[at] == '\\') {
				step(2);
			} else if (starts(quote)) {
				step(std::strlen(quote));
				/* Two more quotes may belong to the text of a long one. */
				while (multi && at < text.size() && text[at] == quote[0])
					step();
				return;
			} else if (!multi && text[at] == '\n') {
				return;
			} else {
				step();
			}
		}
	}

public:
	explicit key_counter(std::string_view t) : text(t) {}

	/* Where a key has too many parts; false when none has. */
	bool find(int *ret_line, int *ret_column) {
		while (at < text.size()) {
			char c = text[at];

			if (starts("\"\"\"")) {
				skip_string("\"\"\"", true, true);
			} else if (starts("'''")) {
				skip_string("'''", true, false);
			} else if (c == '"') {
				skip_string("\"", false, true);
			} else if (c == '\'') {
				skip_string("'", false, false);
			} else if (c == '#') {
				while (at < text.size() && text[at] != '\n')
					step();
			} else {
				if (c == '\n' || c == '=' || c == ',' || c == '{')
					parts = 1;
				else if (c == '.' && ++parts > TOML_KEY_PARTS_MAX) {
					*ret_line = line;
					*ret_column = column;
					return true;
				}
				step();
			}
		}
		return false;
	}
};

} // namespace

extern "C" int toml_parse(const char *text, size_t len, const char *name, struct toml_node **ret,
			  struct err *err) {
	if (len > TOML_TEXT_MAX)
		return err_set(err, ERR_CONFIG, -EFBIG, "%s: larger than %d bytes", name,
			       TOML_TEXT_MAX);

	toml_node *root = static_cast<toml_node *>(std::calloc(1, sizeof(*root)));
	int line = 0, column = 0;
	int r;

	if (!root)
		return err_set(err, ERR_SYSTEM, -ENOMEM, "out of memory");
	try {
		std::string_view view(text, len);

		if (key_counter(view).find(&line, &column))
			r = err_set(err, ERR_CONFIG, -EINVAL,
				    "%s:%d:%d: a key with more than %d parts", name, line, column,
				    TOML_KEY_PARTS_MAX);
		else
			r = parse(view, name, root, err);
	} catch (const refusal &no) {
		r = fail(err, name, no.line, no.column, no.what);
	} catch (const std::bad_alloc &) {
		r = err_set(err, ERR_SYSTEM, -ENOMEM, "%s: out of memory", name);
	} catch (...) {
		r = err_set(err, ERR_CONFIG, -EINVAL, "%s: cannot be parsed as TOML", name);
	}
	if (r < 0) {
		toml_free(root);
		return r;
	}
	*ret = root;
	return 0;
}

extern "C" void toml_free(struct toml_node *root) {
	if (!root)
		return;
	release(root);
	std::free(root);
}

extern "C" void toml_free_ptr(struct toml_node **root) {
	toml_free(*root);
	*root = nullptr;
}

extern "C" const struct toml_node *toml_get(const struct toml_node *table, const char *key) {
	if (!table || table->type != TOML_TABLE)
		return nullptr;
	for (size_t i = 0; i < table->count; i++)
		if (std::strcmp(table->items[i].key, key) == 0)
			return &table->items[i];
	return nullptr;
}

extern "C" const char *toml_type_name(enum toml_type type) {
	static const char *const names[] = { "a string",  "an integer", "a number", "a boolean",
					     "a date or time", "an array", "a table" };

	return names[type];
}
