import { createContext, useContext } from "react";

/** The pasted key. It is a property of the page while that is shown: no state that the library writes into the document. */
export interface HeldKey {
  current: string;
}

export const HeldKeyContext = createContext<HeldKey>({ current: "" });

export const useHeldKey = (): HeldKey => useContext(HeldKeyContext);
