import {
  Activity, ChartNoAxesCombined, CircleDollarSign, Cog, Gauge, House, Inbox, ListTree, MessagesSquare, Tags, Users, Wrench,
  type LucideIcon,
} from "lucide-react";

export interface Destination {
  href: string;
  label: string;
  icon: LucideIcon;
  /** Pressed after g. */
  key: string;
  /** What a role must allow for the page to show anything. */
  permission: string;
  /** A page that belongs to it and lies elsewhere. */
  part?: string;
}

export interface Group {
  label: string;
  destinations: readonly Destination[];
}

/** Where one can go; what does not work yet is not listed, nor what the role of who is signed in does not allow. */
const NAVIGATION: readonly Group[] = [
  {
    label: "Observe",
    destinations: [
      { href: "/dashboard", label: "Home", icon: House, key: "h", permission: "read" },
      { href: "/traces", label: "Traces", icon: ListTree, key: "t", permission: "read", part: "/compare" },
      { href: "/sessions", label: "Sessions", icon: MessagesSquare, key: "s", permission: "read" },
      { href: "/users", label: "Users", icon: Users, key: "u", permission: "read" },
    ],
  },
  {
    label: "Analyse",
    destinations: [
      { href: "/usage", label: "Usage", icon: ChartNoAxesCombined, key: "a", permission: "read" },
      { href: "/cost", label: "Cost", icon: CircleDollarSign, key: "c", permission: "cost:read" },
      { href: "/performance", label: "Performance", icon: Gauge, key: "p", permission: "read" },
    ],
  },
  {
    label: "Manage",
    destinations: [
      { href: "/ingestion", label: "Ingestion", icon: Inbox, key: "i", permission: "read" },
      { href: "/prices", label: "Prices", icon: Tags, key: "r", permission: "read" },
      { href: "/jobs", label: "Jobs", icon: Wrench, key: "j", permission: "write" },
      { href: "/settings", label: "Settings", icon: Cog, key: ",", permission: "account" },
    ],
  },
];

const DESTINATIONS: readonly Destination[] = NAVIGATION.flatMap((group) => group.destinations);

/** The groups with what somebody of these permissions can use. */
export function navigationFor(permissions: readonly string[]): Group[] {
  return NAVIGATION.map(({ label, destinations }) => ({
    label,
    destinations: destinations.filter(({ permission }) => permissions.includes(permission)),
  })).filter(({ destinations }) => destinations.length > 0);
}

/** The page, or the list that it belongs to, of a path; undefined for one that the navigation does not know. */
export function destinationOf(path: string): Destination | undefined {
  return DESTINATIONS.find(({ href, part }) => path === href || path.startsWith(`${href}/`) || path === part);
}

export const BRAND_ICON = Activity;
