"""The pretend world: accounts, people, chats and messages, all from one seed."""
