/** The one stylesheet: system fonts, one accent, both themes, from 320 px up. */
import { FIGURES } from './style-figures.ts'
import { LAYOUT } from './style-layout.ts'
import { OPERATING } from './style-operating.ts'
import { PARTS } from './style-parts.ts'
import { SAGA } from './style-saga.ts'

/** Text on its ground has a contrast of at least 4.5 to 1 in both themes. */
const THEMES = `
:root {
  color-scheme: light dark;
  --ground: #f7f7f8; --surface: #ffffff; --line: #e2e4e9; --line-strong: #c4c8d0;
  --text: #1b1f27; --muted: #5a6270; --accent: #3450b5; --on-accent: #ffffff; --accent-soft: #e9edfa;
  --idle: #4a5160; --idle-soft: #edeff2; --busy: #2b469f; --busy-soft: #e6ebfa;
  --good: #17643d; --good-soft: #e3f3ea; --good-mark: #6fa98a; --back: #67409b; --back-soft: #f0eaf9;
  --care: #80480a; --care-soft: #fbf0dd; --bad: #ab241c; --bad-soft: #fceae8;
  --shadow: 0 1px 2px rgb(20 25 40 / .05);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101318; --surface: #171b22; --line: #292f39; --line-strong: #454d5a;
    --text: #e6e9ee; --muted: #9aa3b1; --accent: #a8b9ff; --on-accent: #10163a; --accent-soft: #20284a;
    --idle: #b6bdc8; --idle-soft: #252b34; --busy: #aabcff; --busy-soft: #1d2748;
    --good: #80d8a4; --good-soft: #142f20; --good-mark: #3f8a62; --back: #cfb4f4; --back-soft: #2b213d;
    --care: #f1bd72; --care-soft: #33260f; --bad: #ffa198; --bad-soft: #3b1a18;
    --shadow: none;
  }
}
`

export const STYLE = THEMES + LAYOUT + PARTS + FIGURES + OPERATING + SAGA
