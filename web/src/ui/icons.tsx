import type { ReactNode, SVGProps } from "react";

type Props = Omit<SVGProps<SVGSVGElement>, "children"> & { size?: number };

/** Drawn for Sextant on a grid of 24; never the only bearer of a meaning. */
function icon(drawing: ReactNode) {
  return function Icon({ size = 18, ...others }: Props) {
    return (
      <svg
        aria-hidden="true"
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth={1.8}
        strokeLinecap="round"
        strokeLinejoin="round"
        {...others}
      >
        {drawing}
      </svg>
    );
  };
}

export const AlertIcon = icon(<path d="M12 4 2.8 19.5h18.4L12 4Zm0 6v4.5m0 2.6v.2" />);
export const BookIcon = icon(
  <path d="M5 4.5h10.5A3.5 3.5 0 0 1 19 8v11.5H8a3 3 0 0 1-3-3v-12Zm0 12a3 3 0 0 1 3-3h11" />,
);
export const CheckIcon = icon(<path d="m5 12.5 4.5 4.5L19 7.5" />);
export const ChevronIcon = icon(<path d="m9 5.5 6.5 6.5L9 18.5" />);
export const ClockIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 7v5l3.5 2" />
  </>,
);
export const CloseIcon = icon(<path d="m6 6 12 12M18 6 6 18" />);
export const CopyIcon = icon(
  <>
    <rect x="8.5" y="8.5" width="11" height="11" rx="2" />
    <path d="M5.5 15.5h-1v-9a2 2 0 0 1 2-2h9v1" />
  </>,
);
export const DownloadIcon = icon(<path d="M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M4.5 19.5h15" />);
export const EditIcon = icon(<path d="M4.5 19.5h4L19 9a2.8 2.8 0 0 0-4-4L4.5 15.5v4Zm9.5-13 4 4" />);
export const HomeIcon = icon(<path d="M4 11.5 12 4.5l8 7M6.5 10v9.5h11V10" />);
export const KeyIcon = icon(
  <>
    <circle cx="8" cy="15.5" r="4" />
    <path d="m11 12.5 8.5-8.5M16 7.5l3 3M13.5 10l2 2" />
  </>,
);
export const ListIcon = icon(<path d="M8.5 6.5h11m-11 5.5h11m-11 5.5h11M4.5 6.5h.2M4.5 12h.2M4.5 17.5h.2" />);
export const MenuIcon = icon(<path d="M4 7h16M4 12h16M4 17h16" />);
export const MoonIcon = icon(<path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z" />);
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const PowerIcon = icon(<path d="M12 3.5v8M7 6.5a8 8 0 1 0 10 0" />);
export const RotateIcon = icon(<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9m0-5v5h-5" />);
export const SearchIcon = icon(
  <>
    <circle cx="11" cy="11" r="6.5" />
    <path d="m16 16 4.5 4.5" />
  </>,
);
export const SignOutIcon = icon(<path d="M10 4.5H5.5v15H10M14.5 8l4 4-4 4m4-4H9.5" />);
export const SortIcon = icon(<path d="m8 10 4-4.5 4 4.5M8 14l4 4.5 4-4.5" />);
export const SortDownIcon = icon(<path d="M12 5.5v13m0 0 5-5m-5 5-5-5" />);
export const SortUpIcon = icon(<path d="M12 18.5v-13m0 0 5 5m-5-5-5 5" />);
export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 2.5v2m0 15v2M2.5 12h2m15 0h2M5.3 5.3l1.4 1.4m10.6 10.6 1.4 1.4m0-13.4-1.4 1.4M6.7 17.3l-1.4 1.4" />
  </>,
);
export const SystemIcon = icon(<path d="M3.5 5.5h17v10.5h-17zM9 20h6m-3-4v4" />);
export const TrashIcon = icon(<path d="M4.5 6.5h15M9.5 6V4h5v2M6.5 6.5l1 13h9l1-13M10 10.5v5.5m4-5.5v5.5" />);
export const UserIcon = icon(
  <>
    <circle cx="12" cy="8" r="3.7" />
    <path d="M4.5 20c.8-4 3.8-6 7.5-6s6.7 2 7.5 6" />
  </>,
);
export const UsersIcon = icon(
  <>
    <circle cx="9" cy="8.5" r="3.3" />
    <path d="M2.8 19.5c.6-3.6 3-5.4 6.2-5.4s5.6 1.8 6.2 5.4M15.5 5.5a3.2 3.2 0 0 1 0 6M17.5 14.3c2 .7 3.3 2.4 3.7 5.2" />
  </>,
);
