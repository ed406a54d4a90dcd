/** Waiting before another try, longer each time. */

const SHORTEST = 500;
const LONGEST = 15_000;

/**
 * Wait, with some chance in it so that not everybody comes back at once.
 *
 * @param {number} failures How many tries have failed in a row before this one.
 * @returns {Promise<void>} Resolves at the latest when the browser is online again.
 */
export function pause(failures) {
  const delay = Math.min(LONGEST, SHORTEST * 2 ** failures) * (0.5 + Math.random() / 2);
  return new Promise((resolve) => {
    const timer = setTimeout(finish, delay);
    addEventListener("online", finish);
    function finish() {
      clearTimeout(timer);
      removeEventListener("online", finish);
      resolve();
    }
  });
}
