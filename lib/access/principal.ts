/** Who was found to be on the other side. It bears no secret: a connection's record holds it. */
export type Principal =
  /** `revision` changes whenever the user does: what was found before counts no more. */
  | { readonly kind: 'user'; readonly name: string; readonly revision: string }
  /** `until`, in milliseconds since the epoch, is when the token is taken no longer. */
  | { readonly kind: 'token'; readonly name: string; readonly rules: readonly string[]; readonly until: number };

/** As a text, for where only texts are kept. */
export function writePrincipal(principal: Principal): string {
  return JSON.stringify(principal);
}

/** Reads what `writePrincipal` wrote: nobody else can put it where this is read from. */
export function readPrincipal(text: string): Principal {
  return JSON.parse(text) as Principal;
}
