// The lines of a lager command that runs for as long as somebody looks.

const AGAIN = 2000; // milliseconds

export class Stream {
  /** `line(text)` is called for each line, `ended(why)` if the command ends by itself; it is started again then. */
  constructor(words, line, ended) {
    Object.assign(this, { _words: words, _line: line, _ended: ended });
  }

  /** Run, or stop. */
  want(wanted) {
    this._wanted = wanted;
    if (wanted && !this._process) {
      this._start();
    } else if (!wanted && this._process) {
      this._process.close("cancelled");
      this._process = undefined;
    }
  }

  /** Write a line to the command, and to each that is started after it. */
  say(text) {
    this._said = `${text}\n`;
    this._process?.input(this._said, true);
  }

  _start() {
    let rest = "";
    const process = window.cockpit.spawn(["lager", "--here", ...this._words], { err: "message" });
    this._process = process;
    if (this._said) {
      process.input(this._said, true);
    }
    process.stream((text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      lines.filter(Boolean).forEach((one) => this._process === process && this._line(one));
    });
    const over = (error) => {
      if (this._process === process) {
        this._process = undefined;
        this._ended(error ? error.message || error.problem : "");
        window.setTimeout(() => this.want(this._wanted), AGAIN);
      }
    };
    process.then(() => over(), over);
  }
}
