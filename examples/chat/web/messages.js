// The list of messages: groups, days, ticks; keeps to the newest unless its reader has scrolled up.
const kMostShown = 300;
const kGroupGap = 5 * 60_000; // ms; later messages of the same author get their name again

const kStates = {
    sending: { icon: 'i-clock', label: 'Sending' },
    sent: { icon: 'i-tick', label: 'The server has it' },
    delivered: { icon: 'i-ticks', label: 'Everybody has it' },
    failed: { icon: 'i-alert', label: 'Not sent' },
};

export function element(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
}

function icon(id) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    use.setAttribute('href', `#${id}`);
    svg.append(use);
    return svg;
}

/// A round picture of a name: its initials on a colour of its own.
export function paintAvatar(node, name) {
    let hash = 0;
    for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 360;
    const initials = name.trim().split(/\s+/).slice(0, 2).map((word) => [...word][0]).join('');
    node.style.setProperty('--hue', String(hash));
    node.textContent = initials.toUpperCase();
    return node;
}

const timeOf = (message) => new Date(message.time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

function dayOf(message) {
    const day = new Date(message.time);
    if (day.toDateString() === new Date().toDateString()) return 'Today';
    return day.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' });
}

export class MessageList {
    #list;
    #scroller;
    #toEnd;
    #empty;
    #resend;
    #last = null; // the newest message, for grouping
    #nodes = new Map(); // message key -> its element

    constructor({ list, scroller, toEnd, empty, resend }) {
        this.#list = list;
        this.#scroller = scroller;
        this.#toEnd = toEnd;
        this.#empty = empty;
        this.#resend = resend;
        scroller.addEventListener('scroll', () => (toEnd.hidden = this.#atEnd()), { passive: true });
        toEnd.addEventListener('click', () => this.scrollToEnd('smooth'));
    }

    clear() {
        this.#list.replaceChildren();
        this.#nodes.clear();
        this.#last = null;
        this.#toEnd.hidden = true;
        this.#empty.hidden = false;
    }

    add(message) {
        if (this.#nodes.has(message.key)) return this.update(message);
        const follow = message.own || this.#atEnd();
        if (!this.#last || dayOf(this.#last) !== dayOf(message)) {
            this.#list.append(element('li', 'day', dayOf(message)));
            this.#last = null;
        }
        this.#empty.hidden = true;
        const node = this.#render(message);
        this.#nodes.set(message.key, node);
        this.#list.append(node);
        this.#last = message;
        this.update(message);
        this.#trim();
        if (follow) this.scrollToEnd();
        else this.#toEnd.hidden = false;
    }

    notice(text) {
        const follow = this.#atEnd();
        this.#list.append(element('li', 'notice', text));
        this.#last = null;
        if (follow) this.scrollToEnd();
    }

    update(message) {
        const state = this.#nodes.get(message.key)?.querySelector('.state');
        if (!state) return;
        const { icon: id, label } = kStates[message.state];
        state.className = `state ${message.state}`;
        state.replaceChildren(icon(id), element('span', 'hidden', label));
        state.title = message.state === 'failed' ? `${label}. Click to try again.` : label;
        state.disabled = message.state !== 'failed';
    }

    scrollToEnd(behavior = 'auto') {
        this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior });
    }

    #atEnd() {
        const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
        return scrollHeight - scrollTop - clientHeight < 80;
    }

    #render(message) {
        const author = (of) => (of.own ? 'own' : of.author);
        const grouped = this.#last && author(this.#last) === author(message) && message.time - this.#last.time < kGroupGap;
        const node = element('li', `message${message.own ? ' own' : ''}${grouped ? ' grouped' : ''}`);
        if (!message.own) {
            const avatar = element('span', 'avatar');
            avatar.setAttribute('aria-hidden', 'true');
            node.append(paintAvatar(avatar, message.name));
        }
        const bubble = element('div', 'bubble');
        if (!message.own) bubble.append(element('span', grouped ? 'hidden' : 'author', message.name));
        bubble.append(element('p', 'text', message.text));
        const meta = element('span', 'meta');
        meta.append(element('time', '', timeOf(message)));
        if (message.own) {
            const state = element('button', 'state');
            state.type = 'button';
            state.addEventListener('click', () => this.#resend(message));
            meta.append(state);
        }
        bubble.append(meta);
        node.append(bubble);
        return node;
    }

    #trim() {
        while (this.#nodes.size > kMostShown) {
            const [key, node] = this.#nodes.entries().next().value;
            this.#nodes.delete(key);
            while (this.#list.firstChild !== node) this.#list.firstChild.remove();
            node.remove();
        }
    }
}
