"""Writes what transformers makes of templates, for TemplateTest to compare with.

    pip install transformers==4.56.2
    python core/src/test/python/jinja_golden.py     (from the root of the repository)

Each line of EXPRESSIONS is what stands in {{ }}; TEMPLATES are whole ones; golden/jinja/*.jinja are written after the templates of
the model families that are used most, with what each does with roles, tools, thinking and dates. The clock stands at
2025-03-09 14:05:07.
"""

import copy
import datetime
import json
from pathlib import Path

import jinja2
import transformers
from transformers.utils import chat_template_utils

GOLDEN = Path("core/src/test/resources/org/wanda4j/text/golden")

CONTEXT = {
    "name": "w\u00f6rld \U0001f600 end",
    "text": "  One two,\tthree\n\nfour\u00a0\n",
    "lines": "a\nb\r\nc\n\nd\n",
    "html": "<a href='x'>1 & \"2\"</a>",
    "empty": "",
    "zero": 0,
    "seven": 7,
    "pi": 3.14159,
    "none_value": None,
    "yes": True,
    "no": False,
    "numbers": [3, 1, 2, 10],
    "mixed": [1, "1", 1.0, True, None, [1], {"a": 1}],
    "words": ["banana", "Apple", "cherry", "apple", "Banana"],
    "nested": [[1, 2], [3, [4, 5]], []],
    "people": [
        {"name": "Bob", "age": 30, "address": {"city": "Ulm"}, "tags": ["x", "y"]},
        {"name": "alice", "age": 25, "address": {"city": "Bonn"}, "tags": []},
        {"name": "Carol", "age": 30, "address": {"city": "ulm"}},
    ],
    "map": {"b": 1, "A": [1, 2.5, None, True], "c": {"d": "\u00e9\"\\'", "e": {}, "f": []}},
    "keys": {"items": "own", "get": 1, "pop": 2, "update": 3, "z": None, "a-b": 4},
    "tool": {"type": "function", "function": {"name": "f", "description": "d \u20ac <&> '\"'\n\t\b\f\u007f\u2028", "parameters":
             {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}}},
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4
2 ** 3 ** 2
-2 ** 2
2 ** -1
2 ** 0.5
0 ** 0
0 ** -1
10 ** 18
7 / 2
6 / 2
7 // 2
-7 // 2
7 // -2
7 % 3
-7 % 3
7 % -3
7.5 // 2
-7.5 // 2
7.5 % 2
-7.5 % 2
7.5 % -2
5.5 % 5.5
1 / 0
1 // 0
1 % 0
1.0 / 0
1.5 % 0
-1|abs
-1.5|abs
-(1|abs)
- 5
+5
-yes
+yes
-'a'
+'a'
- -3
1 + 1.0
1 + true
true + true
3 * 'ab'
'ab' * 3
'ab' * -1
'ab' * 2.0
'ab' * '2'
'ab' * true
[1, 2] * 2
2 * [1]
(1,) * 2
[1] + [2]
[1] + (2,)
(1,) + (2,)
'a' + 1
1 + 'a'
'a' + none
[1] + 'a'
'a' - 'b'
none + 1
{} + {}
'a' ~ 1 ~ none ~ true ~ 1.5
1 ~ 2 + 3
1 + 2 ~ 3
'a' ~ undefined_thing ~ 'b'
1 < 2 < 3
1 < 2 > 3
3 > 2 > 1
1 == 1.0 == true
1 < 2 == true
1 != 2 != 1
1 == '1'
none == none
none != 1
none < 1
none == false
'a' < 'b'
'a' < 'B'
'Z' < 'a'
'a' < 1
1 < 'a'
1 < none
1 < 1.5
9007199254740993 == 9007199254740992.0
9007199254740993 < 9007199254740992
9007199254740992 == 9007199254740992.0
9223372036854775807 - 1
[1, 2] < [1, 3]
[1, 2] < [1, 2, 0]
[1, 'a'] < [1, 2]
[1] < (2,)
(1, 2) < (1, 3)
(1, 2) == [1, 2]
(1, 2) == (1, 2)
[1, 2] == [1.0, 2]
{'a': 1} == {'a': 1.0}
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
{'a': 1} < {'b': 1}
true < 2
true == 1
'\U0001f600' < '\uffee'
'a' in 'abc'
'' in 'abc'
1 in 'abc'
none in 'abc'
'a' in ['a']
1 in [true]
'b' in map
'x' in map
[1] in map
[1] in mixed
1 in 5
1 in none
'a' not in 'abc'
not 'a' in 'abc'
'a' in undefined_thing
'x' in (1, 'x')
3 in range(5)
not 1 == 2
not not 1
not ''
1 and 2
0 and 2
1 or 2
0 or ''
'' or none
1 and 0 or 3
1 or 2 and 0
not 1 or 2
1 if true else 2
1 if false else 2
1 if false
(1 if false) is defined
1 if false else 2 if false else 3
'a' if 'x' is defined else 'b'
1 == 1 and 2 == 2
1.0
1e3
1.5e-7
1e16
1e15
123456789012345678.0
1e-4
0.00001
1.0e100
0.1 + 0.2
1/3
2/3
100.0 / 3
1e22
-0.0
1_000
1_0.5_0
0x1F
0b101
0o17
007
5e-324
1.7976931348623157e308
1e400
-1e400
1e400 - 1e400
1e400 == 1e400
3.0 * 2
true
none
True
None
false ~ none
[1, 2.0, 'a', none, true]
(1, 2)
(1,)
()
1, 2
[]
{}
{'a': 1, 'b': [1, {'c': none}]}
{1: 2, none: 3}
{1: 'a'}[1]
{1: 'a'}[1.0]
{1: 'a'}[true]
{'1': 'a'}[1]
{[1]: 2}
{'a': 1}[['a']]
{(1, 2): 3}[(1, 2)]
['a\'b', 'a"b', 'a\'"b', "tab\t", '\\', 'é', '\x00\x1f\x7f\xa0\u200b\U0001f600']
mixed
map
nested
'\n\t\r\x41\u00e9\U0001f600\101\0\a\q\''
'a' 'b' "c"
'a\
b'
name
name[0]
name[-1]
name[7]
name[-5]
name[100]
name[1:4]
name[::-1]
name[::2]
name[-3:]
name[:-3]
name[5:1:-2]
name[10:]
name['x']
name[1.5]
name.upper()
name['upper']()
name.nosuch
name.nosuch()
name.nosuch.more
name|length
numbers[0]
numbers[-1]
numbers[9]
numbers[true]
numbers['0']
numbers.0
nested.1.0
nested[1][1][0]
numbers[1:]
numbers[::-1]
numbers[::-2]
numbers[-2:]
numbers[:2][0]
numbers[:]
numbers[0:100:3]
numbers[::0]
numbers['a':]
numbers[1.5:]
numbers[none:2]
(1, 2, 3)[1:]
range(10)[2:5]|list
none[0]
none['a']
none.a
5[0]
5.a
map[1:]
none_value[1:]
seven[1:]
seven.a
undefined_thing[0:1]
[none, none]|sort
[none, 1]|sort
range(10)[2:5]
range(10)[::-3]
range(2, 20, 3)[1:-1]
'abc'.startswith(prefix='a')
'a b'.split(maxsplit=0)
undefined_thing
undefined_thing.a
undefined_thing['a']
undefined_thing[0]
undefined_thing[1:]
undefined_thing()
undefined_thing + 1
1 + undefined_thing
undefined_thing * 2
undefined_thing ~ 1
-undefined_thing
undefined_thing < 1
1 < undefined_thing
undefined_thing == 1
undefined_thing == undefined_other
undefined_thing == none
undefined_thing == ''
undefined_thing|length
undefined_thing|list
undefined_thing|join
undefined_thing|upper
undefined_thing|int
undefined_thing|float
undefined_thing|tojson
undefined_thing|first
undefined_thing|sum
undefined_thing|items|list
undefined_thing|default('d')
undefined_thing.a|default('d')
map.nosuch|default('d')
[undefined_thing]
not undefined_thing
undefined_thing is sequence
undefined_thing is iterable
undefined_thing is mapping
undefined_thing is string
undefined_thing is number
undefined_thing is callable
undefined_thing is none
undefined_thing in [1]
undefined_thing % 2
'%s' % undefined_thing
map.b
map['b']
map.c.d
map.c.e.f
map.c.e.f.g
map.nosuch
map.nosuch is defined
map.nosuch == none
keys['items']
keys['get']
keys.pop
keys['pop']
keys.update
keys.z
keys.z is none
keys['a-b']
keys.get('get')
keys.nope
map.items()
map.items()|list
map.keys()
map.keys()|list
map.values()|list
map.keys()|length
map.keys()[0]
map.items()[0]
map.keys()|first
map.keys()|sort
map.values()|first
'b' in map.keys()
('b', 1) in map.items()
map.keys() == map.keys()
map.keys()|tojson
map.get('b')
map.get('x')
map.get('x', 5)
map.get('x', default=5)
map.get()
map.get([1])
map.get(1)
map.copy().b
map.items is callable
map.items is defined
map.pop('b')
map.update({})
map.setdefault('x', 1)
map.clear()
numbers.append(1)
numbers.pop()
numbers.sort()
numbers.count(1)
[1, 1.0, true, '1'].count(1)
numbers.index(2)
numbers.index(5)
numbers.index(1, 2)
numbers.copy()
(1, 2, 1).count(1)
(1, 2).index(2)
numbers.nosuch()
(1.5).is_integer()
(2.0).is_integer()
'abc'.upper()
'ABC'.lower()
'Straße ﬁ'.upper()
'İ'.lower()
'ΑΣ'.lower()
'hello world'.title()
"they're bill's 2nd".title()
"they're bill's 2nd x-ray"|title
'hELLO wORLD'.capitalize()
'ßa'.capitalize()
''.capitalize()
'éa'.capitalize()
'aBc'.swapcase()
'Straße'.casefold()
text.strip()
text.lstrip()
text.rstrip()
'xxabcxx'.strip('x')
'xyabcyx'.strip('xy')
'xyabcyx'.lstrip('xy')
'xyabcyx'.rstrip('xy')
'abc'.strip(none)
'abc'.strip(1)
'abc'.strip('a', 'b')
'\x1c\x85\u2003 a \u3000'.strip()
'abc'.startswith('a')
'abc'.startswith(('x', 'a'))
'abc'.startswith(['x', 'a'])
'abc'.startswith(1)
'abc'.startswith('b', 1)
'abc'.startswith('b', 1, 1)
'abc'.startswith('', 5)
'abc'.startswith('c', -1)
'abc'.endswith('c')
'abc'.endswith(('x', 'c'))
'abc'.endswith('b', 0, 2)
'abc'.endswith('')
'a,b,,c'.split(',')
'a,b,,c'.split(',', 1)
'a,b,,c'.split(',', maxsplit=1)
'a,b'.split(sep=',')
' a  b c '.split()
' a  b c '.split(none, 1)
' a  b c '.split(' ')
''.split()
''.split(',')
'abc'.split('')
'abc'.split(1)
'a--b--c'.split('--')[-1]
'a,b,c'.rsplit(',', 1)
'a,b,c'.rsplit(',')
' a b  c '.rsplit()
' a b  c '.rsplit(none, 1)
'aXbXc'.rsplit('X', maxsplit=0)
'aaa'.split('aa')
'aaa'.rsplit('aa')
'a\tb\u00a0c\u2003d'.split()
'</think>x</think>y'.split('</think>')[-1].lstrip('\n')
'a=b=c'.partition('=')
'abc'.partition('=')
'a=b=c'.rpartition('=')
'abc'.rpartition('=')
'abc'.partition('')
lines.splitlines()
lines.splitlines(true)
'a\x0bb\x0cc\x1cd\u2028e\x85f'.splitlines()
''.splitlines()
'\n'.splitlines()
'aXbX'.replace('X', '-')
'aXbX'.replace('X', '-', 1)
'abc'.replace('', '-')
'abc'.replace('', '-', 2)
''.replace('', '-')
'abc'.replace('b', 1)
'abc'.replace('b')
'aaa'.replace('a', 'b', 0)
name.find('end')
name.find('o')
name.find('r', 2)
name.find('r', 3)
name.find('x')
name.find('')
name.find('', 100)
name.rfind('d')
name.index('end')
name.index('zzz')
name.rindex('d')
'banana'.count('an')
'banana'.count('')
'banana'.count('a', 2)
'banana'.count('a', 2, 4)
'banana'.rfind('an')
','.join(['a', 'b'])
','.join('abc')
','.join([1, 2])
','.join(map)
''.join([])
'-'.join(words|map('upper'))
'abc'.center(8)
'abcd'.center(7)
'abc'.center(6, '*')
'abc'.center(2)
'abc'.center(8, 'ab')
'abc'.ljust(6) ~ '|'
'abc'.rjust(6, '.')
'42'.zfill(5)
'-42'.zfill(5)
'+x'.zfill(1)
'a\tbc\td'.expandtabs()
'a\tbc\n\td'.expandtabs(4)
'prefix-x'.removeprefix('prefix-')
'prefix-x'.removeprefix('no')
'x.txt'.removesuffix('.txt')
'x'.removesuffix('')
'123'.isdigit()
''.isdigit()
'12a'.isdigit()
'²'.isdigit()
'½'.isdigit()
'²'.isdecimal()
'٣'.isdecimal()
'abc'.isalpha()
'ab1'.isalpha()
'ab1'.isalnum()
'a_b'.isalnum()
' \t'.isspace()
''.isspace()
'abc'.islower()
'aBc'.islower()
'1'.islower()
'ABC'.isupper()
'Abc Def'.istitle()
'abc'.isascii()
'é'.isascii()
'a\n'.isprintable()
'a b'.isprintable()
'abc'.nosuch(1)
'abc'.upper(1)
'{} {}'.format(1, 'a')
'{0}{1}{0}'.format('a', 'b')
'{a} {b}'.format(a=1, b=2)
'{:>5}|{:<5}|{:^5}|'.format('a', 'b', 'c')
'{:05d} {:+d} {: d} {:x} {:X} {:o} {:b} {:#x}'.format(42, 42, 42, 255, 255, 8, 5, 255)
'{:.2f} {:e} {:g} {:%} {:.1%}'.format(3.14159, 31415.9, 0.00001, 0.25, 0.256)
'{:,} {:_} {:,.2f}'.format(1234567, 1234567, 1234567.891)
'{:*^9}'.format('mid')
'{!r} {!s}'.format('a', 'b')
'{0[a]} {0[b][1]}'.format({'a': 1, 'b': [2, 3]})
'{0.a}'.format({'a': 1})
'{}'.format([1, 'a'])
'{}'.format(none)
'{:5}'.format(none)
'{:>5}'.format(true)
'{}'.format(true)
'{:.3}'.format('abcdef')
'{:.3}'.format(3.14159)
'{:.2}'.format(100.0)
'{:8.3f}|'.format(2.5)
'{:<8}|{:>8}'.format(42, 42)
'{:08.2f}'.format(-3.14159)
'{:d}'.format(1.5)
'{:d}'.format('a')
'{:.2f}'.format(3)
'{:s}'.format(3)
'{{}} {}'.format(1)
'{'.format(1)
'{} {}'.format(1)
'{a}'.format(b=1)
'{:c}'.format(65)
'{:n}'.format(5)
'{:g} {:g} {:g}'.format(1000000, 123456789, 0.0001)
'{:.0f} {:.0f} {:.0f}'.format(0.5, 1.5, 2.5)
'{:#g} {:.3g}'.format(1.5, 1234)
'%s' % 'a'
'%s %s' % ('a', 1)
'%s' % ('a', 1)
'%s %s' % 'a'
'%s' % [1, 'a']
'%s' % none
'%s' % {'a': 1}
'%r %r' % ('a', 1.5)
'%d' % 3.7
'%d' % 'a'
'%5d|%-5d|%05d|%+d|% d' % (42, 42, 42, 42, 42)
'%.2f %5.1f|%-8.2f|' % (3.14159, 2.55, 1.5)
'%e %E %g %G' % (12345.678, 12345.678, 12345.678, 1e-10)
'%x %X %o %#x %#o' % (255, 255, 8, 255, 8)
'%c%c' % (65, 'b')
'%5s|%-5s|%.2s|' % ('ab', 'ab', 'abcdef')
'%%' % ()
'100%' % ()
'%*d' % (5, 42)
'%.*f' % (2, 3.14159)
'%(a)s %(b)d' % {'a': 'x', 'b': 2}
'%(a)s' % {'b': 1}
'%(a)s' % 1
'abc' % 1
'abc' % ()
'abc' % {'a': 1}
'abc' % [1]
'%s' % true
'%d' % true
'%i %u' % (1, 2)
'%y' % 1
'%.3d' % 5
'%s, %s'|format('a', 'b')
'%(x)s'|format(x=1)
'%s'|format(1, x=2)
'%s'|format
'%.1f'|format(2.25)
'abc'|upper
'ABC'|lower
1|upper
none|upper
true|lower
1.5|string
'hello wORLD'|capitalize
'a-b (c) [d] {e} <f>'|title
'  a '|trim
'xxaxx'|trim('x')
'xxaxx'|trim(chars='x')
5|trim
text|trim
'aXbX'|replace('X', '-')
'aXbX'|replace('X', '-', 1)
'aXbX'|replace('X', '-', count=1)
'abc'|replace('', '.')
12|replace(1, 'x')
'abc'|replace('b')
'abc'|length
numbers|length
map|length
map|count
5|length
none|length
range(3)|length
(numbers|map('abs'))|length
'a\nb\n\nc'|indent
'a\nb\n\nc\n'|indent(2)
'a\nb'|indent(2, true)
'a\nb\n\nc'|indent(2, true, true)
'a\nb\n\nc'|indent(width=2, first=true, blank=true)
'a\nb'|indent('> ')
'a\nb'|indent(first=true)
''|indent(first=true)
5|indent
'a'|indent(2, false, false, 1)
'a'|indent(depth=2)
'abc'|center(9) ~ '|'
'abc'|center
'foo bar baz qux'|truncate(9)
'foo bar baz qux'|truncate(9, true)
'foo bar baz qux'|truncate(11)
'foo bar baz qux'|truncate(11, false, '...', 0)
'foo bar baz qux'|truncate(9, end='', leeway=0)
'foobarbazqux'|truncate(5, leeway=0)
'foo'|truncate(2)
5|truncate(2)
'a b  c_d é'|wordcount
'a b&c/d=é?'|urlencode
{'a': 'b c', 'd': 'e/f'}|urlencode
[('a', 1), ('b', '&')]|urlencode
5|urlencode
html|escape
html|e
html|forceescape
html|e|e
html|e|forceescape
html|safe
html|e ~ '<'
(html|e) + '<'
'<' + ('<'|safe)
('<'|safe) + 1
('<'|safe) ~ '<'
'<'|safe|upper
['<'|safe]
'<'|safe == '<'
'a' in ('abc'|safe)
'<'|safe|length
'<b>'|safe|trim
'<'|safe|tojson
'<'|safe|string is escaped
'<' is escaped
'<'|safe is escaped
'<'|safe is string
html
numbers|first
numbers|last
[]|first
[]|last
'abc'|first
'abc'|last
map|first
map|last
map.items()|last
5|first
numbers|reverse|list
'abc'|reverse
'a😀b'|reverse
map|reverse|list
5|reverse
numbers|map('abs')|reverse
numbers|map('abs')|last
numbers|list
'abc'|list
map|list
5|list
none|list
numbers|join
numbers|join(', ')
numbers|join(d='-')
words|join(', ', true)
people|join(', ', attribute='name')
people|join(', ', 'name')
people|join('|', attribute='address.city')
people|join('|', attribute='tags.0')
[1, none, true, 'a', 1.0]|join(',')
'abc'|join('-')
map|join('-')
5|join
numbers|join(1)
numbers|sort
numbers|sort(true)
numbers|sort(reverse=true)
words|sort
words|sort(case_sensitive=true)
words|sort(true, true)
words|sort(reverse=true)
people|sort(attribute='name')|map(attribute='name')|list
people|sort(false, false, 'age')|map(attribute='name')|list
people|sort(attribute='age,name')|map(attribute='name')|list
people|sort(attribute='address.city')|map(attribute='name')|list
people|sort(attribute='address.city', case_sensitive=true)|map(attribute='name')|list
people|sort(attribute='age', reverse=true)|map(attribute='name')|list
people|sort(attribute='nosuch')
people|sort
mixed|sort
'hello'|sort
map|sort
[1, 2.5, true, 0]|sort
[[2, 1], [1, 5], [1, 2]]|sort
numbers|sort(key='x')
numbers|sort(1, 2, none, 4)
none|sort
map|dictsort
{'b': 2, 'A': 3, 'a': 1}|dictsort
{'b': 2, 'A': 3, 'a': 1}|dictsort(true)
{'b': 2, 'A': 3, 'a': 1}|dictsort(by='value')
{'b': 2, 'A': 3, 'a': 1}|dictsort(false, 'value', true)
{'b': 2, 'A': 3}|dictsort(reverse=true)
{'b': 2}|dictsort(by='x')
numbers|dictsort
numbers|min
numbers|max
words|min
words|max
words|max(case_sensitive=true)
words|min(true)
people|max(attribute='age')
people|min(attribute='name')
[]|min
[]|max
mixed|max
'hello'|max
numbers|sum
numbers|sum(start=10)
people|sum('age')
people|sum(attribute='age')
people|sum(attribute='age', start=5)
[]|sum
['a', 'b']|sum
['a', 'b']|sum(start='')
[[1], [2]]|sum(start=[])
[0.1, 0.2]|sum
words|unique|list
words|unique(true)|list
people|unique(attribute='age')|map(attribute='name')|list
[1, 1.0, true, 2]|unique|list
[[1], [1]]|unique|list
people|groupby('age')
people|groupby('age')|map(attribute='grouper')|list
people|groupby('age')|map('first')|list
people|groupby('address.city')|map(attribute=0)|list
people|groupby('address.city', case_sensitive=true)|map(attribute='grouper')|list
people|groupby('tags.0', default='-')|map(attribute='grouper')|list
people|groupby('nosuch')
people|groupby
numbers|batch(3)|list
numbers|batch(3, 'x')|list
numbers|batch(linecount=2)|list
[]|batch(2)|list
numbers|batch
numbers|slice(3)|list
numbers|slice(3, 'x')|list
numbers|slice(2, 'x')|list
numbers|slice(0)|list
map|items|list
numbers|items|list
{}|items|list
5|default('d')
none|default('d')
none|default('d', true)
''|default('d', true)
''|default('d', boolean=true)
''|default('d')
undefined_thing|default
undefined_thing|d('x')
undefined_thing|default(default_value='x')
0|default(5, true)
0|default(1, 2, 3)
-5|abs
-5.5|abs
'a'|abs
true|abs
none|abs
'42'|int
'42.7'|int
' 42 '|int
'abc'|int
'abc'|int(5)
'abc'|int(default=5)
'ff'|int(base=16)
'0xff'|int(0, 16)
'0b11'|int(base=2)
'0o17'|int(base=0)
'12'|int(0, 36)
3.99|int
-3.99|int
true|int
none|int
none|int(3)
[]|int
'1_000'|int
'-5'|int
'1e3'|int
'inf'|int
'nan'|int
'3.5'|float
'abc'|float
'abc'|float(1.5)
'abc'|float(default=2)
3|float
none|float
true|float
'1e3'|float
'inf'|float
'nan'|float
' 1.5 '|float
'1_0.5'|float
'1d'|float
'0x10'|float
'.5'|float
'5.'|float
42.55|round
42.55|round(1)
42.55|round(1, 'floor')
42.55|round(1, 'ceil')
42.45|round(1)
2.5|round
3.5|round
-2.5|round
2.675|round(2)
42|round
42|round(-1)
45|round(-1)
1234.5|round(-2)
42.5|round(method='ceil')
42|round(0, 'floor')
42|round(method='up')
'a'|round
-0.4|round
-0.4|round(0, 'ceil')
1e300|round
true|round
1|filesizeformat
999|filesizeformat
1000|filesizeformat
13000|filesizeformat
1500000|filesizeformat
1024|filesizeformat(true)
1048576|filesizeformat(binary=true)
'4096'|filesizeformat
-1e9|filesizeformat
1e30|filesizeformat
numbers|map('string')|list
numbers|map('multiply')|list
numbers|map('round', 1)|list
people|map(attribute='name')|list
people|map(attribute='name')|join(', ')
people|map(attribute='address.city')|list
people|map(attribute='tags')|list
people|map(attribute='tags', default=[])|list
people|map(attribute='nosuch', default='-')|list
people|map(attribute='name', other=1)|list
people|map('length')|list
words|map('replace', 'a', 'A')|list
words|map('truncate', 3, true, '', leeway=0)|list
numbers|map|list
[]|map('nosuch')|list
numbers|map('abs')|list|length
(numbers|map('abs'))[0]
(numbers|map('abs')) + [1]
numbers|map('abs') is iterable
numbers|map('abs') is sequence
1 in numbers|map('abs')
'yes' if []|select else 'no'
'yes' if []|select|list else 'no'
[0, 1, '', 'a', none]|select|list
[0, 1, '', 'a', none]|reject|list
numbers|select('odd')|list
numbers|reject('odd')|list
numbers|select('>', 2)|list
numbers|select('gt', 2)|list
numbers|select('in', [1, 2])|list
numbers|select('divisibleby', 2)|list
numbers|select('nosuch')|list
[]|select('nosuch')|list
words|select('equalto', 'apple')|list
people|selectattr('age', '>', 25)|map(attribute='name')|list
people|selectattr('tags')|map(attribute='name')|list
people|selectattr('address.city', 'equalto', 'Ulm')|map(attribute='name')|list
people|rejectattr('age', 'equalto', 30)|map(attribute='name')|list
people|rejectattr('tags', 'defined')|map(attribute='name')|list
people|selectattr('nosuch', 'undefined')|list|length
people|selectattr('name', 'nosuch')|list
people|selectattr|list
people|selectattr('age', 'equalto')|list
(people|selectattr('age', 'equalto', 30))[0].name
(people|selectattr('age', 'equalto', 30)|first).name
map|tojson
tool|tojson
tool|tojson(indent=2)
tool|tojson(indent=4, ensure_ascii=true)
tool|tojson(true)
tool|tojson(false, 2)
map|tojson(separators=(',', ':'))
map|tojson(separators=[',', ' : '], indent=1)
map|tojson(sort_keys=true)
map|tojson(indent=0)
map|tojson(indent='--')
map|tojson(indent=-1)
map|tojson(indent=none)
map|tojson(indent=true)
map|tojson(indent=1.5)
map|tojson(separators=(',',))
map|tojson(nosuch=1)
name|tojson
name|tojson(ensure_ascii=true)
none|tojson
[1, 1.5, 1e16, -0.0, true]|tojson
[1e400, -1e400]|tojson
(1, 2)|tojson
{1: 2, none: 3}|tojson
{1: 2, 'a': 3}|tojson(sort_keys=true)
{'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true, indent=1)
range(3)|tojson
namespace(a=1)|tojson
[undefined_thing]|tojson
numbers|map('abs')|tojson
[]|tojson(indent=2)
{}|tojson(indent=2)
[[], {}, [1]]|tojson(indent=2)
'</script>&\''|tojson
map|string
map|attr('items') is callable
map|attr('b')
'abc'|attr('upper')()
'abc'|attr('nosuch')
'abc'|attr('__class__')
''.__class__
''.__class__.__mro__
numbers|nosuch
numbers is nosuch
numbers|abs
'nosuch' is filter
'upper' is filter
'nosuch' is test
'odd' is test
3 is odd
4 is even
'a' is odd
1.5 is even
6 is divisibleby 3
6 is divisibleby(4)
6 is divisibleby 0
6 is divisibleby
'a' is defined
'a' is undefined
'a' is string
1 is string
1 is number
true is number
1.5 is number
'1' is number
1 is integer
true is integer
1.5 is float
1 is float
true is boolean
1 is boolean
true is true
1 is true
false is false
none is none
0 is none
'' is not none
map is mapping
[] is mapping
namespace() is mapping
[] is sequence
map is sequence
'a' is sequence
1 is sequence
(1,) is sequence
range(2) is sequence
map.items() is sequence
map.items() is iterable
[] is iterable
map is iterable
'a' is iterable
1 is iterable
none is iterable
namespace() is iterable
range is callable
'a'.upper is callable
'a' is callable
'abc' is lower
'Abc' is lower
'ABC' is upper
1 is lower
1 is in [1, 2]
3 is not in [1, 2]
'a' is in 'abc'
1 is in(numbers)
1 is eq 1
1 is equalto 1.0
1 is == 1
1 is ne 2
1 is lt 2
1 is lessthan 2
1 is le 1
2 is gt 1
2 is greaterthan 1
2 is ge 3
'a' is lt 1
none is sameas none
true is sameas true
1 is sameas true
map is sameas map
map is sameas map.copy()
1 is not odd
not 1 is odd
1 is odd and 2 is even
1 is odd or nosuch
3 is odd is true
range(5)|list
range(2, 5)|list
range(5, 0, -2)|list
range(0)|list
range(5)
range(1, 6, 2)
range(3)[1]
range(3)[-1]
range(3)[5]
range(1, 2, 0)
range('a')
range()
range(1.5)
range(1, 2, 3, 4)
range(100001)
range(3) == [0, 1, 2]
2 in range(3)
dict(a=1, b=2)
dict({'a': 1}, b=2)
dict([('a', 1)])
dict(map).b
namespace(a=1).a
namespace(a=1).b
namespace(a=1)['a']
namespace({'a': 1}, b=2).b
namespace(a=1, b='x')
namespace(1)
cycler('a', 'b').next()
cycler()
joiner('|')()
nosuch(1)
name()
map()
5()
(1)()
numbers|sort|first
numbers|sort()|last
numbers | sort | map('string') | join(' ')
(numbers|length) > 3 and numbers[0] == 3
'a' if numbers else 'b'
numbers|length == 4
'x' ~ numbers|length
1 + '2'|int
-1 + 2|abs
not numbers|length
'a' in words|map('lower')|list
'apple' in words | map('lower')
strftime_now('%Y-%m-%d')
strftime_now('%d %b %Y')
strftime_now('%B %d, %Y %H:%M:%S %A %a %j %y %I %p')
strftime_now('%e|%-d|%-m|%-H|%-I|%k|%l|%c|%x|%X|%D|%F|%T|%R|%r|%h|%n|%t|%u|%w|%z|%Z|%%|%f')
strftime_now('%-j %-M %-S %-y')
strftime_now('100%')
strftime_now()
strftime_now(format='%Y')
strftime_now('%Y', 1)
raise_exception('no')
raise_exception()
map.get(*['b'])
map.get(*['x'], **{'default': 3})
dict(**{'a': 1})
'%s-%s'|format(*[1, 2])
range(*[1, 3])|list
{'a': 1,}
[1, 2,]
(1, 2,)
[[1, 2][0], {'a': 'b'}['a'], (3, 4)[1]]
{'a': {'b': [1, {'c': 'd'}]}}.a.b[1].c
people[0].address.city[0:2]
people[-1]['name']
people[1].tags[0]
people[1].tags[0].x
people|length - 1
people[people|length - 1].name
'\u0041' == 'A'
"a'b" ~ 'a"b'
['a', "it's", 'say "x"']
'é' ~ 'ü'
["é\u00ad\ue000"]
"""

TEMPLATES = [
    "{% for x in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}",
    "{% for x in numbers %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
    "{% for x in numbers %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
    "{% for x in [none, none] %}{{ loop.nextitem is none }}{% endfor %}",
    "{% for x in numbers %}{{ loop.cycle('a', 'b', 'c') }}{% endfor %}",
    "{% for x in numbers %}{{ loop.cycle() }}{% endfor %}",
    "{% for x in [1, 1, 2, 2, 1] %}{{ x if loop.changed(x) }}{% endfor %}",
    "{% for x in numbers %}{{ loop.depth }}{{ loop.depth0 }}{{ loop.nosuch }}{% endfor %}",
    "{% for x in numbers %}{{ loop['index'] }}{{ loop|length }}{{ loop is mapping }}{{ loop is callable }}{% endfor %}",
    "{% for x in numbers %}{{ loop.nosuch.more }}{% endfor %}",
    "{% for x in numbers %}{{ loop(x) }}{% endfor %}",
    "{% for x in numbers if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }}{{ loop.last }} {% endfor %}",
    "{% for x in numbers if x > 100 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in [] %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in undefined_thing %}{{ x }}{% else %}undefined{% endfor %}",
    "{% for x in none %}{{ x }}{% endfor %}",
    "{% for x in 5 %}{{ x }}{% endfor %}",
    "{% for c in name %}{{ c }}.{% endfor %}",
    "{% for k in map %}{{ k }}{% endfor %}",
    "{% for k, v in map.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in map|items %}{{ k }}={{ v }};{{ loop.last }}{% endfor %}",
    "{% for k, v in map|dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for a, b in [[1, 2], [3, 4]] %}{{ a }}{{ b }};{% endfor %}",
    "{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}",
    "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for (a, b) in [[1, 2]] %}{{ a }}{{ b }}{% endfor %}",
    "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}",
    "{% for x in range(3) %}{% for y in range(2) %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in range(3) %}{% break %}{% else %}no{% endfor %}",
    "{% for x in range(3) %}{% continue %}{% else %}no{% endfor %}",
    "{% for x in range(3) %}{% if x == 1 %}{% break %}{% endif %}{% else %}no{% endfor %}",
    "{% break %}",
    "{% for x in range(3) %}{% set y %}a{% break %}{% endset %}{{ y }}{% endfor %}-{{ y }}",
    "{% for p in people recursive %}{{ p.name or p }}{% if p.tags %}[{{ loop(p.tags) }}]{% endif %}{{ loop.depth }}{% endfor %}",
    "{% for x in numbers %}{% set y = x %}{% endfor %}{{ y }}",
    "{% set x = 1 %}{% for i in range(2) %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in range(3) %}{{ x }}{% set x = i %}{% endfor %}",
    "{% set ns = namespace(found=false) %}{% for x in numbers if not ns.found %}{{ x }}{% set ns.found = true %}{% endfor %}",
    "{% set ns = namespace(n=0) %}{% for x in numbers %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}{{ ns }}",
    "{% set ns = namespace() %}{% set ns.a = none %}{{ ns.a }}{{ ns.a is none }}{{ ns.b is defined }}{{ 'y' if ns }}",
    "{% set map.x = 1 %}",
    "{% set nosuch.x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}",
    "{% set a, b = [1] %}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% set a %}x{{ 1 }}y{% endset %}{{ a }}{{ a is string }}{{ a is escaped }}",
    "{% set a | upper | replace('X', '-') %}x{{ 1 }}y{% endset %}{{ a }}",
    "{% if true %}{% set a = 1 %}{% endif %}{{ a }}",
    "{% if 0 %}a{% elif '' %}b{% elif none %}c{% else %}d{% endif %}",
    "{% if undefined_thing %}a{% endif %}b",
    "{% if false %}{{ x|nosuchfilter }}{% endif %}ok",
    "{% if false %}{{ x is nosuchtest }}{% endif %}ok",
    "{% if false %}{{ x|sort(nosuch=1) }}{{ 'a'.nosuch() }}{% include 'x' %}{% import 'x' as y %}{% from 'x' import y %}{% endif %}ok",
    "{% if true %}{{ name|nosuchfilter }}{% endif %}",
    "{{ 'a' if true else (1|nosuchfilter) }}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% do numbers %}",
    "{% nosuchtag %}",
    "{% macro f(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }} {{ f(1, 3) }} {{ f(b=4, a=5) }} {{ f() }} {{ f }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}",
    "{% macro f(a) %}{{ a is defined }}{{ a }}{% endmacro %}{{ f() }}",
    "{% macro f(a) %}{{ a.b }}{% endmacro %}{{ f() }}",
    "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(3) }}",
    "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}",
    "{% macro f() %}{{ caller() }}!{% endmacro %}{% call f() %}body{% endcall %}",
    "{% macro f() %}{{ caller(1, 2) }}!{% endmacro %}{% call(a, b) f() %}{{ a + b }}{% endcall %}",
    "{% macro f() %}x{% endmacro %}{% call f() %}body{% endcall %}",
    "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}",
    "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}",
    "{% macro f() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f() }}",
    "{% set x = 1 %}{% macro f() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ f() }}{{ x }}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro f(x) %}  {{ x }}  {% endmacro %}[{{ f(1)|trim }}]{{ f(1) ~ f(2) }}{{ f is callable }}",
    "{% for x in numbers %}{% macro f() %}{{ x }}{% endmacro %}{{ f() }}{% endfor %}",
    "{% for x in range(2) %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}",
    "{% filter upper %}a{{ 'b' }}{% endfilter %}",
    "{% filter upper|replace('A', 'x') %}a{{ 'b' }}{% endfilter %}",
    "{% filter nosuch %}a{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}",
    "{% block x %}a{{ name }}{% endblock %}",
    "{% set v = 1 %}{% block x %}{{ v }}{% endblock x %}",
    "{% for i in range(2) %}{% block x %}{{ i }}{% endblock %}{% endfor %}",
    "{% for i in range(2) %}{% block x scoped %}{{ i }}{% endblock %}{% endfor %}",
    "{% autoescape false %}{{ '<' }}{% endautoescape %}",
    "{% generation %}x{{ 1 }}{% endgeneration %}y",
    "{% raw %}{{ x }}{% if %}{# c #}{% endraw %}",
    "a\n  {% raw %}\n {{ x }}\n  {% endraw %}\nb",
    "a {%- raw -%} x {%- endraw -%} b",
    "a{% raw %}b",
    "a{# comment #}b",
    "a\n  {# comment #}\nb",
    "a {#- comment -#} b",
    "a\n{# c +#}\nb",
    "{#- -#} a",
    "{#-#} a",
    "{# unfinished",
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n",
    "a\n  {%+ if true %}\n  b\n  {%+ endif %}\nc\n",
    "a\n  {% if true +%}\n  b\n  {% endif +%}\nc\n",
    "a\n  {%- if true -%}\n  b\n  {%- endif -%}\n  c\n\n",
    "a\n  {{ 1 }}\n  {{- 2 -}}\n  b",
    "  {{ 1 }}  \n",
    "  {% set a = 1 %}  \nb",
    "x  {% set a = 1 %}\n\nb",
    "{% set a = 1 %}\n\n  {% set b = 2 %}\n{{ a }}",
    "\u00a0\n\u00a0 {%- set a = 1 -%} \u00a0b",
    "a\r\nb\r{% set a = 1 %}\r\nc",
    "a\n\n",
    "# for x in y\n## c\na",
    "{{ '{{' }}{{ '}}' }}{{ '%}' }}",
    "{{ {'a': {'b': 1}}['a']['b'] }}",
    "{{ {'a': {'b': 1}} }}",
    "{{-1}}{{ -1 }}",
    "{{ 1 -}}  x",
    "{ { x } } {x} % # }}",
    "{{ 1 }",
    "{{ 1 +}}",
    "{{ }}",
    "{{ 1 2 }}",
    "{{ a b }}",
    "{{ 1 'a\n\rb' }}",
    "{{ a. }}",
    "{{ a[ }}",
    "{{ [1 }}",
    "{{ 'a }}",
    "{{ f(a=1, 2) }}",
    "{{ 1 if }}",
    "{% if %}x{% endif %}",
    "{% if true %}x",
    "{% endif %}",
    "{% for x %}{% endfor %}",
    "{% for x in y %}",
    "{% else %}",
    "{% set x %}",
    "{% set 1 = 2 %}",
    "{% macro %}{% endmacro %}",
    "{{ a ! b }}",
    "{{ a ; b }}",
    "{{ a && b }}",
    "{{ a = 1 }}",
    "{{ '\\N{DASH}' }}",
    "{{ '\\u12' }}",
    "{{ caf\u00e9 is defined }}{% set caf\u00e9 = 1 %}{{ caf\u00e9 }}",
    "{% set j = joiner(', ') %}{% for x in numbers %}{{ j() }}{{ x }}{% endfor %}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.reset() }}{{ c.current }}",
    "{% set g = numbers|map('abs') %}{{ g|list }}{{ g|list }}",
    "{% set g = numbers|select('odd') %}{% for x in g %}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}",
    "{% if people|selectattr('age', 'equalto', 99) %}yes{% else %}no{% endif %}",
    "{% for age, group in people|groupby('age') %}{{ age }}:{% for p in group %}{{ p.name }},{% endfor %}{% endfor %}",
    "{% for g in people|groupby('age') %}{{ g.grouper }}{{ g.list|length }}{{ g.nosuch }}{{ g|length }}{% endfor %}",
    "{% for row in numbers|batch(3, 0) %}{{ row|join(',') }};{% endfor %}",
    "{% for x in numbers|sort|reverse %}{{ x }}{% endfor %}",
    "{% set x = {'a': 1} %}{% set x = dict(x, b=2) %}{{ x }}",
    "{% set x = [] %}{% for i in numbers %}{% set x = x + [i] %}{% endfor %}{{ x }}",
    "{% set messages = numbers[1:] + [4] %}{{ messages }}",
    "{% if name is defined and name is string and name|length > 3 %}ok{% endif %}",
    "{{ raise_exception('first\nsecond') }}",
]

# What transformers gives and an error here: the value depends on chance or on the run, or no template of a model needs it.
REFUSED = r"""
1e400|filesizeformat
-1e21|filesizeformat
self.x
99999999999999999999 is defined
99999999999999999999 - 99999999999999999998
1e300|int
map|items
'abc'.encode('utf-8')
keys.get
keys.items
5[1:]
none[1:]
(-8) ** 0.5
numbers|random
map|pprint
'www.x.org'|urlize
'a b c'|wordwrap(3)
{'a': 1}|xmlattr
'<a>b</a>'|striptags
'<'|safe|replace('<', '>')
('<'|safe).upper()
{true: 1}
{1.5: 1, 2.0: 3}
1 is sameas 1
'a' is sameas 'a'
2 ** 64
9223372036854775807 + 1
99999999999999999999
'abc'.encode()
'½'.isnumeric()
{'a': 1}.keys() - ['a']
numbers|map('abs')
map.items
range
'%a' % 'é'
'{!a}'.format('é')
'{:010,}'.format(1234)
lipsum(n=1)
strftime_now('%U')
strftime_now('%G')
numbers|reverse
"""

CALL = {"id": "abcdef123", "type": "function", "function": {"name": "weather", "arguments": {"city": "K\u00f6ln", "days": 2}}}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "The weather \"there\".\nBy day.", "parameters": {
        "type": "object", "required": ["city"], "properties": {
            "city": {"type": "string", "description": "Where < here"},
            "days": {"type": ["integer", "string"]},
            "units": {"type": "string", "enum": ["C", "F"]}}}}},
    {"type": "function", "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}}},
]
SYSTEM = {"role": "system", "content": " Be brief. /no_think "}
QUESTION = {"role": "user", "content": " Why 1 < 2?\n"}
ANSWER = {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nIt's so."}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
NOTHING = {"tools": None, "documents": None, "add_generation_prompt": True}
CONVERSATIONS = [
    NOTHING | TOKENS | {"messages": [SYSTEM, QUESTION]},
    NOTHING | TOKENS | {"messages": [QUESTION, ANSWER, QUESTION], "enable_thinking": False,
                        "documents": [{"title": "T", "text": "a \"b\""}]},
    NOTHING | TOKENS | {"messages": [QUESTION, ANSWER], "add_generation_prompt": False},
    NOTHING | TOKENS | {"messages": [QUESTION, {"role": "assistant", "content": None, "tool_calls": [CALL]},
                                     {"role": "tool", "tool_call_id": "abcdef123", "content": "{\"sun\": true}"}],
                        "tools": TOOLS},
]


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2025, 3, 9, 14, 5, 7)


chat_template_utils.datetime = Clock


def render(source, context):
    try:
        return {"text": chat_template_utils._compile_jinja_template(source).render(**context)}
    except Exception as e:  # whatever goes wrong there must go wrong here
        return {"error": type(e).__name__ + ": " + (str(e).splitlines() or [""])[0]}


def case(source):
    return {"template": source} | render(source, copy.deepcopy(CONTEXT))


def expressions(text):
    joined = text.replace("\\\n", "\\\0")  # a string that goes on in the next line
    return ["{{ " + line.replace("\0", "\n") + " }}" for line in joined.strip("\n").split("\n")]


cases = [case(source) for source in expressions(EXPRESSIONS) + TEMPLATES]
for file in sorted((GOLDEN / "jinja").glob("*.jinja")):
    for i, conversation in enumerate(CONVERSATIONS):
        cases.append({"file": file.name, "conversation": i} | render(file.read_bytes().decode(), conversation))
refused = expressions(REFUSED)
golden = {"transformers": transformers.__version__, "jinja2": jinja2.__version__, "context": CONTEXT,
          "conversations": CONVERSATIONS}
lines = ",\n".join(json.dumps(each) for each in cases)
(GOLDEN / "jinja.json").write_text(
    json.dumps(golden)[:-1] + ',\n"refused": ' + json.dumps(refused, indent=0) + ',\n"cases": [\n' + lines + "\n]}\n")
