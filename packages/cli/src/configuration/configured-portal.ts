/** The name of the portal whose client token the configuration gives. */
export const configuredPortal = 'portal';
