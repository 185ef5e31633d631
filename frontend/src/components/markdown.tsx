import type { ComponentProps } from "react";
import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";

/** Addresses that a link may have; everything else is shown as text. */
const SCHEMES = /^(https?|mailto):/i;

/**
 * Markdown as headings, lists, tables and code.
 *
 * What it says comes from traces and is hostile: HTML in it is text, links lead to web addresses only and tell nothing of this page, and
 * pictures are links, since loading one would tell its server who reads the trace.
 */
export function Markdown({ text }: { text: string }) {
  return (
    <div className="markdown min-w-0 break-words">
      <ReactMarkdown remarkPlugins={PLUGINS} urlTransform={addressOf} components={PARTS}>
        {text}
      </ReactMarkdown>
    </div>
  );
}

const PLUGINS = [remarkGfm];

function addressOf(url: string): string {
  return SCHEMES.test(url) && URL.canParse(url) ? url : "";
}

function OutwardLink({ href, children }: Pick<ComponentProps<"a">, "href" | "children">) {
  if (!href) return <>{children}</>;
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow" referrerPolicy="no-referrer">
      {children}
    </a>
  );
}

const PARTS = {
  a: ({ href, children }: ComponentProps<"a">) => <OutwardLink {...(href ? { href } : {})}>{children}</OutwardLink>,
  img: ({ src, alt }: ComponentProps<"img">) => (
    <OutwardLink {...(typeof src === "string" && src !== "" ? { href: src } : {})}>{alt ? `Picture: ${alt}` : "Picture"}</OutwardLink>
  ),
  // Headings of a message are none of the page.
  ...Object.fromEntries(["h1", "h2", "h3", "h4", "h5", "h6"].map((name) => [name, ({ children }: ComponentProps<"p">) => <p data-heading={name}>{children}</p>])),
  table: ({ children }: ComponentProps<"table">) => (
    <div className="overflow-x-auto">
      <table>{children}</table>
    </div>
  ),
  input: ({ checked }: ComponentProps<"input">) => <span>{checked ? "☑" : "☐"} </span>,
};
