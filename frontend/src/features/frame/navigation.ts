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
}

export interface Group {
  label: string;
  destinations: readonly Destination[];
}

/** Where one can go; what does not work yet is not listed. */
export const NAVIGATION: readonly Group[] = [
  {
    label: "Observe",
    destinations: [
      { href: "/dashboard", label: "Home", icon: House, key: "h" },
      { href: "/traces", label: "Traces", icon: ListTree, key: "t" },
      { href: "/sessions", label: "Sessions", icon: MessagesSquare, key: "s" },
      { href: "/users", label: "Users", icon: Users, key: "u" },
    ],
  },
  {
    label: "Analyse",
    destinations: [
      { href: "/usage", label: "Usage", icon: ChartNoAxesCombined, key: "a" },
      { href: "/cost", label: "Cost", icon: CircleDollarSign, key: "c" },
      { href: "/performance", label: "Performance", icon: Gauge, key: "p" },
    ],
  },
  {
    label: "Manage",
    destinations: [
      { href: "/ingestion", label: "Ingestion", icon: Inbox, key: "i" },
      { href: "/prices", label: "Prices", icon: Tags, key: "r" },
      { href: "/jobs", label: "Jobs", icon: Wrench, key: "j" },
      { href: "/settings", label: "Settings", icon: Cog, key: "," },
    ],
  },
];

export const DESTINATIONS: readonly Destination[] = NAVIGATION.flatMap((group) => group.destinations);
export const BRAND_ICON = Activity;
